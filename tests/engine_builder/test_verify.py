import asyncio
import importlib.util
import shutil
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from engine_builder.build import BuildOptions, build_model
from engine_builder.cli import app
from engine_builder.errors import VerificationError
from engine_builder.manifest import ClipFormat, Engine, Frames, Manifest, ManifestError, Outputs
from engine_builder.reference import reference
from engine_builder.sample_clips import made_up_clips
from engine_builder.serving import GROUP, find_serving
from engine_builder.verify import answers, compare, compare_all, verify_model
from engine_builder.wts import write_wts
from service.classification.classifier import Classifier
from service.inference.backends.protocol import Description
from service.settings import Settings

from ..support.recipe import draw, narrow
from .serving_stub import Answering, ServingStub, StubSession

SMALL = ClipFormat(frames=8, height=32, width=32)
CLIPS = made_up_clips(SMALL, 2)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A small model, with an engine in its manifest."""
    write_wts(tmp_path / "small.wts", draw(narrow("r3d_18", 16, 3)))
    made = build_model(tmp_path / "small.wts", tmp_path / "model", BuildOptions("small", SMALL, ("a", "b", "c")))
    (tmp_path / "model" / "model.fp16.engine").write_bytes(b"")
    engine = Engine(
        file="model.fp16.engine", sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        precision="fp16", max_batch=4, runtime="tensorrt", runtime_version="11.4.0.106", gpu_name="NVIDIA L4",
        compute_capability="8.9", portable=False, verification=None,
    )  # fmt: skip
    made.model_copy(update={"engines": (engine,)}).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def right(directory: Path) -> Outputs:
    return reference(directory, Manifest.load(directory), CLIPS)


def engine_of(directory: Path) -> Engine:
    [engine] = Manifest.load(directory).engines
    return engine


@pytest.fixture(scope="module")
def served(model_directory: Path) -> Description:
    """What the service says it serves the bundled model with: in `/health`, and in every result."""

    async def describe() -> Description:
        async with Classifier.open(Settings(model=model_directory)) as classifier:
            return classifier.description

    return asyncio.run(describe())


def test_what_is_verified_is_what_is_served(model_directory: Path, served: Description) -> None:
    results = verify_model(model_directory, made_up_clips(ClipFormat(), 2), find_serving())
    assert list(dict.fromkeys(result.backend for result in results)) == ["openvino", "onnxruntime"]
    [marked] = [result for result in results if result.served]
    assert Description(marked.backend, marked.precision, marked.device) == served
    for result in results:
        assert result.problem is None
        assert result.measured is not None
        assert result.measured.clips == 2


def test_the_command_names_what_is_served(model_directory: Path, served: Description) -> None:
    done = CliRunner().invoke(app, ["verify", str(model_directory)])
    assert done.exit_code == 0
    assert f"* what serves here: {served.backend}, {served.precision}, {served.device}" in done.stdout


def test_a_changed_file_is_noticed(model_directory: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(model_directory, tmp_path / "model"))
    (directory / "model.onnx").write_bytes(b"other")
    with pytest.raises(ManifestError, match="SHA-256"):
        verify_model(directory, made_up_clips(ClipFormat(), 1), find_serving())


@pytest.mark.parametrize(
    ("precision", "error", "good"),
    [
        ("fp32", 5e-4, True),
        ("fp32", 2e-3, False),
        ("fp16", 1e-2, True),
        ("fp16", 3e-2, False),
        ("bf16", 0.1, True),
        ("bf16", 0.2, False),
    ],
)
def test_how_much_may_differ_depends_on_the_precision(
    directory: Path, right: Outputs, precision: str, error: float, good: bool
) -> None:
    wrong = right.probabilities.copy()
    wrong[1, 0] += error
    given = Outputs(wrong, right.embeddings)
    [result] = verify_model(directory, CLIPS, ServingStub(Answering(given, precision)))
    assert result.measured is not None
    assert result.measured.max_abs_difference == pytest.approx(error, rel=1e-3)
    assert (result.problem is None) == good
    assert result.precision == precision


@pytest.mark.parametrize(
    ("precision", "error", "good"),
    [("fp32", 5e-4, True), ("fp32", 2e-3, False), ("bf16", 0.05, True), ("bf16", 0.2, False)],
)
def test_how_far_embeddings_may_be_off_too(
    directory: Path, right: Outputs, precision: str, error: float, good: bool
) -> None:
    assert right.embeddings is not None
    given = Outputs(right.probabilities, right.embeddings * np.array([[1], [1 + error]], np.float32))
    [result] = verify_model(directory, CLIPS, ServingStub(Answering(given, precision)))
    assert result.measured is not None
    assert result.measured.max_abs_difference == 0
    assert result.measured.max_embedding_distance == pytest.approx(error, rel=1e-2)
    problem = None if good else f"embeddings are off by up to {error:.1%} of their length"
    assert problem is None if result.problem is None else problem is not None and problem in result.problem


def test_a_backend_without_the_models_embeddings(directory: Path, right: Outputs) -> None:
    [result] = verify_model(directory, CLIPS, ServingStub(Answering(Outputs(right.probabilities))))
    assert result.problem == "it gives no embeddings, and the manifest says that it does"


def test_the_command_fails_for_a_wrong_backend(
    directory: Path, right: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows the others."""
    whole = reference(directory, Manifest.load(directory), made_up_clips(SMALL))
    good, bad = (
        Answering(whole, "bf16", served=False),
        Answering(Outputs(whole.probabilities[:, ::-1], whole.embeddings)),
    )
    monkeypatch.setattr("engine_builder.cli_check.find_serving", lambda: ServingStub(good, bad))
    done = CliRunner().invoke(app, ["verify", str(directory)])
    assert done.exit_code == 1
    rows = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert ["bf16" in row and "good" in row and "*" not in row for row in rows] == [True, False]
    assert ["fp32" in row and "BAD" in row and "*" in row for row in rows] == [False, True]
    assert "stub fp32: probabilities differ by up to" in done.stdout


def test_the_tolerance_can_be_set(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = reference(directory, Manifest.load(directory), made_up_clips(SMALL))
    wrong.probabilities[1, 0] += 0.03
    stub = ServingStub(Answering(wrong, "fp16"))
    monkeypatch.setattr("engine_builder.cli_check.find_serving", lambda: stub)

    def verify(*options: str) -> Result:
        return CliRunner().invoke(app, ["verify", str(directory), *options])

    assert verify().exit_code == 1
    assert verify("--tolerance", "fp16=0.05").exit_code == 0
    assert verify("--tolerance", "bf16=0.05").exit_code == 1
    for bad in ("fp16", "fp16=2", "fp17=0.1", "fp16=nan"):
        assert verify("--tolerance", bad).exit_code == 2


def test_clips_are_run_alone_and_in_the_largest_batch(directory: Path, right: Outputs) -> None:
    sizes: list[int] = []

    class Session(StubSession):
        max_batch = 3

        def infer(self, frames: Frames) -> Outputs:
            sizes.append(len(frames))
            return super().infer(frames)

    found = answers(Session(None, right), CLIPS)  # type: ignore[arg-type]
    assert sizes == [1, 1, 3]
    assert {batch: rows.probabilities.shape for batch, rows in found.items()} == {1: (2, 3), 3: (3, 3)}
    measured = compare_all(found, right)
    assert (measured.clips, measured.max_abs_difference) == (2, 0)
    found[3].probabilities[2] += 0.5
    assert compare_all(found, right).max_abs_difference == pytest.approx(0.5), "the row that filled the batch counts"


def test_what_was_measured_of_an_engine_goes_into_the_manifest(directory: Path, right: Outputs) -> None:
    results = verify_model(directory, CLIPS, ServingStub(Answering(right, "fp16", engine_of(directory))))
    assert results[0].problem is None
    assert engine_of(directory).verification == results[0].measured
    assert results[0].measured is not None


def test_an_engine_that_does_not_run_is_told_of(directory: Path) -> None:
    before = engine_of(directory)
    [result] = verify_model(directory, CLIPS, ServingStub(Answering("no GPU", "", before, served=False)))
    assert (result.precision, result.measured, result.problem) == ("fp16", None, "cannot run here: no GPU")
    assert engine_of(directory) == before


def test_values_that_are_no_numbers(directory: Path, right: Outputs) -> None:
    wrong = Outputs.joined([right])
    assert wrong.embeddings is not None
    wrong.probabilities[0, 1:] = np.nan, np.inf
    wrong.embeddings[1, 0] = np.nan
    [result] = verify_model(directory, CLIPS, ServingStub(Answering(wrong, "bf16", engine_of(directory))))
    assert result.problem == "3 values are no numbers: bf16 overflows"
    assert engine_of(directory).verification == result.measured, "the manifest can be read again"


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_reference_is_the_same_on_either_runtime(
    directory: Path, right: Outputs, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name == runtime else None)
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    found = reference(directory, Manifest.load(directory), CLIPS)
    assert compare(found, right).max_abs_difference < 1e-5
    assert compare(found, right).max_embedding_distance == pytest.approx(0, abs=1e-5)
    assert sys.modules.get("openvino_telemetry") is None, "it would send a message over the network"


def test_nothing_to_run_the_reference_with(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(VerificationError, match="install the `cpu` or the `onnxruntime` extra"):
        reference(directory, Manifest.load(directory), CLIPS)


def test_a_network_that_overflows_by_itself(tmp_path: Path) -> None:
    tensors = draw(narrow("r3d_18", 16, 3))
    for layer in (1, 2, 3, 4):
        tensors[f"layer{layer}.0.conv1.1.weight"] *= np.float32(1e15)
    write_wts(tmp_path / "hot.wts", tensors)
    build_model(tmp_path / "hot.wts", tmp_path / "model", BuildOptions("hot", SMALL, ("a", "b", "c")))
    with pytest.raises(VerificationError, match="the fp32 network itself"):
        verify_model(tmp_path / "model", CLIPS, find_serving())


def test_no_service_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_builder.serving.entry_points", lambda group: EntryPoints())
    with pytest.raises(VerificationError, match=r"no service to verify models with .*: install"):
        find_serving()


def test_a_service_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoints([EntryPoint("service", "no.such.module", GROUP)])
    monkeypatch.setattr("engine_builder.serving.entry_points", lambda group: broken)
    with pytest.raises(VerificationError, match=r"no\.such\.module cannot be imported: No module named 'no'"):
        find_serving()


def test_differences_are_measured() -> None:
    expected = np.array([[0.7, 0.3], [0.2, 0.8]], np.float32)
    found = np.array([[0.4, 0.6], [0.2, np.nan]], np.float32)
    measured = compare(Outputs(found), Outputs(expected))
    assert measured.max_embedding_distance is None
    assert measured.max_abs_difference == pytest.approx(0.3)
    assert measured.nan_count == 1
    assert measured.clips == 2
    assert compare(Outputs(expected), Outputs(expected)).top1_agreement == 1
    assert compare(Outputs(expected[::-1]), Outputs(expected)).top1_agreement == 0
    features = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    measured = compare(Outputs(found, features * np.float32(0.9)), Outputs(expected, features))
    assert measured.max_embedding_distance == pytest.approx(0.1)


def test_made_up_clips_are_always_the_same_and_move() -> None:
    clips = made_up_clips(ClipFormat(frames=16), 3)
    assert clips.shape == (3, 16, 112, 112, 3)
    assert clips.dtype == np.uint8
    assert (clips == made_up_clips(ClipFormat(frames=16), 3)).all()
    assert (clips[1, 0] != clips[1, 15]).any()

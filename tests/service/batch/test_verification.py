"""What `r3d-engine verify` is handed: the clips that the pipeline sees, and the backends that serve."""

import asyncio
import hashlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import ClipFormat, Engine, Frames, Manifest, Precision, VerificationError
from engine_builder.sample_clips import made_up_clips
from engine_builder.serving import Serving, find_serving
from engine_builder.verify import answers, verify_model
from service.batch import verification
from service.classification.classifier import Classifier
from service.settings import Settings

from ...support.fake_cuda import Machine
from ...support.fake_gpu_packages import engine
from ...support.stubs import BrightnessBackend, factory_of
from ...support.videos import write_video

CLIP = ClipFormat()
SERVING: Serving = verification  # mypy compares the two


def test_this_is_what_the_builder_finds() -> None:
    assert find_serving() is verification


async def seen_by_the_pipeline(settings: Settings, path: Path) -> Frames:
    batches: list[Frames] = []
    backend = BrightnessBackend(1, lambda frames: batches.append(frames.copy()))
    async with Classifier.open(settings, factory_of(backend)) as classifier:
        batches.clear()  # the warm-up's
        await classifier.classify(path)
    return np.concatenate(batches)


@pytest.mark.parametrize(
    ("frames", "size", "rate"), [(75, (320, 240), "25"), (130, (176, 320), "30000/1001")], ids=["wide", "upright"]
)
def test_clips_are_those_that_the_pipeline_sees(
    model_directory: Path, tmp_path: Path, frames: int, size: tuple[int, int], rate: str
) -> None:
    path = write_video(tmp_path / "video.mp4", frames, size=size, rate=rate)
    seen = asyncio.run(seen_by_the_pipeline(Settings(model=model_directory), path))
    found = verification.clips(path, CLIP, 8)
    assert found.shape == (frames // 32, 32, 112, 112, 3)
    assert (found == seen).all()
    assert (verification.clips(path, CLIP, 1) == seen[:1]).all()


def test_the_reason_why_there_are_no_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = write_video(tmp_path / "short.mp4", frames=31)
    with pytest.raises(VerificationError, match=r"short\.mp4: 31 frames decoded; a clip takes 32"):
        verification.clips(short, CLIP, 8)
    (tmp_path / "text").write_text("no video")
    with pytest.raises(VerificationError, match="text: this is"):
        verification.clips(tmp_path / "text", CLIP, 8)
    with pytest.raises(VerificationError, match="Is a directory"):
        verification.clips(tmp_path, CLIP, 8)
    monkeypatch.setenv("R3D_BAKEND", "openvino")
    with pytest.raises(VerificationError, match="did you mean R3D_BACKEND"):
        verification.clips(short, CLIP, 8)


def names(directory: Path, manifest: Manifest) -> dict[str, bool]:
    """Each package, and whether one of its precisions is served."""
    ways = list(verification.backends(directory, manifest))
    assert sum(each.served for each in ways) == 1
    return {name: any(each.served for each in ways if each.name == name) for name in (each.name for each in ways)}


def test_the_settings_say_what_is_served(
    model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R3D_BACKEND", "openvino")
    assert names(model_directory, manifest) == {"openvino": True, "onnxruntime": False}
    monkeypatch.setenv("R3D_BACKEND", "onnxruntime")
    assert names(model_directory, manifest) == {"openvino": False, "onnxruntime": True}
    monkeypatch.setenv("R3D_BACKEND", "tensorrt")
    with pytest.raises(VerificationError, match=r"nothing would serve this model here: .* has no TensorRT engine"):
        names(model_directory, manifest)


def test_a_backend_that_does_not_load_keeps_no_other_from_it(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R3D_ONNXRUNTIME_PROVIDER", "NoSuchProvider")
    *openvino, onnxruntime = verify_model(model_directory, made_up_clips(CLIP, 1), verification)
    assert [each.problem for each in openvino] == [None] * len(openvino)
    assert onnxruntime.measured is None
    assert "cannot run here" in str(onnxruntime.problem)
    assert "has no NoSuchProvider" in str(onnxruntime.problem)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine with TensorRT, PyCUDA and a GPU, all stood in for."""
    made = Machine()
    made.shape = CLIP.shape
    cuda, trt = made.pycuda(), made.tensorrt()
    trt.__version__ = "11.4.0.106"
    for name, module in (("pycuda", cuda), ("tensorrt", trt)):
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "pycuda.driver", cuda.driver)
    yield made
    for name in ("tensorrt", "cuda", "tensorrt_memory"):
        sys.modules.pop(f"service.inference.backends.{name}", None)


def add_engine(directory: Path, name: str, **changes: object) -> Engine:
    content = b"engine"
    (directory / name).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    added = engine(file=name, sha256=sha256, max_batch=4, gpu_name="fake GPU 0").model_copy(update=changes)
    manifest = Manifest.load(directory)
    manifest.model_copy(update={"engines": (*manifest.engines, added)}).save(directory)
    return added


@pytest.fixture
def directory(model_directory: Path, tmp_path: Path) -> Path:
    """A copy of the bundled model that a test may change."""
    (tmp_path / "model.onnx").symlink_to(model_directory / "model.onnx")
    Manifest.load(model_directory).save(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("machine")
def test_every_engine_is_verified_and_a_wrong_one_found(directory: Path) -> None:
    """The engine of this machine tells classes by brightness, so it is wrong."""
    add_engine(directory, "model.fp32.engine", precision="fp32", gpu_name="NVIDIA A10")
    add_engine(directory, "model.fp16.engine")
    unfit, wrong, *others = verify_model(directory, made_up_clips(CLIP, 6), verification)
    assert [result.served for result in (unfit, wrong)] == [False, True]
    assert {(result.backend, result.served) for result in others} == {("openvino", False), ("onnxruntime", False)}
    assert (unfit.backend, unfit.precision, unfit.measured) == ("tensorrt", "fp32", None)
    assert "cannot run here: the engine was made for NVIDIA A10" in str(unfit.problem)
    assert (wrong.backend, wrong.precision, wrong.device) == ("tensorrt", "fp16", "fake GPU 0")
    assert "probabilities differ by up to" in str(wrong.problem)
    assert {result.problem for result in others} == {None}
    assert [engine.verification for engine in Manifest.load(directory).engines] == [None, wrong.measured]


@pytest.mark.usefixtures("machine")
def test_whether_an_engine_fits_this_machine(directory: Path) -> None:
    def problem(precision: Precision = "fp16", runtime: str = "tensorrt") -> str:
        return str(verification.engine_problem(directory, Manifest.load(directory), precision, runtime))

    assert "no TensorRT engine" in problem()
    add_engine(directory, "model.other.engine", gpu_name="NVIDIA A10")
    assert "made for NVIDIA A10" in problem()
    add_engine(directory, "model.fp16.engine")
    assert problem() == "None"
    assert "no TensorRT engine in fp32" in problem("fp32")
    assert "no TensorRT engine" in problem(runtime="tensorrt_rtx")
    (directory / "model.fp16.engine").write_bytes(b"damaged")
    assert "its SHA-256 is" in problem()


def bright(*labels: int) -> Frames:
    return np.stack([np.full(CLIP.shape, label * 255 // 9 + 10, np.uint8) for label in labels])


def test_an_engine_is_run_before_it_is_published(machine: Machine, manifest: Manifest) -> None:
    labels = (3, 1, 4, 1, 5, 8)
    with verification.open_engine(machine.tensorrt(), b"engine", engine(max_batch=4), manifest) as session:
        found = answers(session, bright(*labels))
    assert {batch: rows.probabilities.argmax(1).tolist() for batch, rows in found.items()} == {
        1: [*labels], 4: [*labels, *labels[:2]],
    }  # fmt: skip
    assert [what for what, _ in machine.contexts] == ["push", "pop", "detach"]


def test_an_engine_that_fails(machine: Machine, manifest: Manifest) -> None:
    trt, entry = machine.tensorrt(), engine(max_batch=4)
    with (
        pytest.raises(VerificationError, match=r"cannot load model\.fp16\.engine"),
        verification.open_engine(trt, b"nonsense", entry, manifest),
    ):
        pass
    machine.failing = True
    with (
        pytest.raises(VerificationError, match="illegal memory access"),
        verification.open_engine(trt, b"engine", entry, manifest) as session,
    ):
        answers(session, bright(1))
    assert (machine.retained, machine.used) == (0, 0)

"""Which engines run here, and what is said of those that do not."""

import hashlib
from pathlib import Path

import pytest

from engine_builder.manifest import Gpu, Manifest, Verification
from service.inference.backends.tensorrt_engines import UsableEngine, engines, find_engine, refusal

from ...support.fake_cuda import Machine
from ...support.fake_gpu_packages import L4_CAPABILITY, L4_NAME, VERSION, engine, install

L4, H200, T4 = Gpu("NVIDIA L4", "8.9"), Gpu("NVIDIA H200", "9.0"), Gpu("Tesla T4", "7.5")
RTX_5090 = Gpu("NVIDIA GeForce RTX 5090", "12.0")
RTX: dict[str, object] = {
    "runtime": "tensorrt_rtx", "runtime_version": "1.7.1.116", "gpu_name": None, "compute_capability": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "version", "gpu", "reason"),
    [
        ({}, VERSION, L4, None),
        ({}, VERSION, H200, "made for NVIDIA L4"),
        ({}, "11.5.0.1", L4, f"made by tensorrt {VERSION}, 11.5.0.1 is installed"),
        ({"portable": True}, "11.5.0.1", H200, None),
        ({"portable": True}, "11.4.0.107", H200, None),
        ({"portable": True}, "11.3.0.200", H200, "11.3.0.200 is installed"),
        ({"portable": True}, "12.0.0.1", H200, "12.0.0.1 is installed"),
        ({"portable": True}, "10.16.1.11", H200, "10.16.1.11 is installed"),
        ({"portable": True, "runtime_version": "10.14.1.48"}, "11.0.0.114", H200, None),
        ({"portable": True, "runtime_version": "9.3.0.1"}, "11.0.0.114", H200, "made by tensorrt 9.3.0.1"),
        ({"runtime_version": "10.14.1.48.post1"}, "10.14.1.48", L4, None),
        ({"portable": True}, VERSION, T4, "Ampere"),
        (RTX, "1.7.1.116", L4, None),
        (RTX, "1.7.1.116", RTX_5090, None),
        (RTX, "1.7.1.116", T4, "TensorRT-RTX runs no such engine on Tesla T4"),
        (RTX, "1.7.1.116", H200, "TensorRT-RTX runs no such engine on NVIDIA H200 (compute capability 9.0)"),
        (RTX, "1.7.2.1", L4, "made by tensorrt_rtx 1.7.1.116, 1.7.2.1 is installed"),
        (RTX | {"portable": True}, "1.8.0.1", L4, "1.8.0.1 is installed"),
    ],
)
def test_engines_for_another_gpu_or_version_are_refused(
    changes: dict[str, object], version: str, gpu: Gpu, reason: str | None
) -> None:
    found = refusal(engine(**changes), version, gpu)
    assert found is None if reason is None else found is not None and reason in found


@pytest.fixture
def _one_l4(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Machine([L4_NAME], L4_CAPABILITY))


@pytest.mark.usefixtures("_one_l4")
def test_an_engine_that_fits_is_found_and_its_hash_checked(tmp_path: Path, manifest: Manifest) -> None:
    content = b"an engine"
    (tmp_path / "model.fp16.engine").write_bytes(content)
    good = engine(sha256=hashlib.sha256(content).hexdigest())
    slow = engine(file="model.fp32.engine", precision="fp32")
    found = find_engine(tmp_path, manifest.model_copy(update={"engines": (slow, good)}), (0,))
    assert isinstance(found, UsableEngine)
    assert (found.engine, found.content) == (good, content)
    bad = find_engine(tmp_path, manifest.model_copy(update={"engines": (engine(),)}), (0,))
    assert isinstance(bad, str)
    assert "SHA-256" in bad


@pytest.mark.usefixtures("_one_l4")
def test_integers_that_nobody_verified_are_taken_only_if_asked_for(tmp_path: Path, manifest: Manifest) -> None:
    content = b"an engine"
    (tmp_path / "model.int8.engine").write_bytes(content)
    good = Verification(clips=50, max_abs_difference=0.1, top1_agreement=1, nan_count=0)
    changes = {"file": "model.int8.engine", "precision": "int8", "sha256": hashlib.sha256(content).hexdigest()}
    unverified, verified = (
        manifest.model_copy(update={"engines": (engine(**changes, verification=each),)}) for each in (None, good)
    )
    assert find_engine(tmp_path, unverified, (0,)) == "the model has no TensorRT engine"
    assert isinstance(find_engine(tmp_path, unverified, (0,), "int8"), UsableEngine)
    assert isinstance(find_engine(tmp_path, verified, (0,)), UsableEngine)


@pytest.mark.usefixtures("_one_l4")
def test_the_reason_says_how_to_rebuild(tmp_path: Path, manifest: Manifest) -> None:
    other = manifest.model_copy(update={"engines": (engine(gpu_name="NVIDIA A10", compute_capability="8.6"),)})
    found = find_engine(tmp_path, other, (0,))
    assert isinstance(found, str)
    assert f"r3d-engine build WEIGHTS -o {tmp_path} --engine tensorrt --precision fp16" in found
    missing = find_engine(tmp_path, other, (0, 1))
    assert isinstance(missing, str)
    assert "invalid device ordinal" in missing


@pytest.mark.usefixtures("_one_l4")
def test_an_engine_that_does_not_fit_hides_no_other(tmp_path: Path, manifest: Manifest) -> None:
    """Nor does one whose file is damaged, and the faster of those that fit comes first."""
    content = b"an engine"
    sha256 = hashlib.sha256(content).hexdigest()
    for name in ("a", "b", "c", "damaged"):
        (tmp_path / f"{name}.engine").write_bytes(content)
    portable = engine(file="a.engine", sha256=sha256, portable=True)
    exact = engine(file="b.engine", sha256=sha256)
    slow = engine(file="c.engine", sha256=sha256, precision="fp32")
    damaged = engine(file="damaged.engine")
    foreign = engine(file="x.engine", gpu_name="NVIDIA A10", compute_capability="8.6")
    other = manifest.model_copy(update={"engines": (slow, foreign, damaged, portable, exact)})
    found = list(engines(tmp_path, other, (0,)))
    assert [each.engine for each in found if isinstance(each, UsableEngine)] == [exact, portable, slow]
    reasons = [each for each in found if isinstance(each, str)]
    assert len(reasons) == 2
    assert "NVIDIA A10" in reasons[0]
    assert "SHA-256" in reasons[1]

"""Which engines run here, and what is said of those that do not."""

import hashlib
from pathlib import Path

import pytest

from engine_builder.manifest import Gpu, Manifest, Verification
from service.inference.backends.tensorrt_engines import UsableEngine, find_engine, refusal

from ...support.fake_cuda import Machine
from ...support.fake_gpu_packages import L4_CAPABILITY, L4_NAME, VERSION, engine, install

L4, H200, T4 = Gpu("NVIDIA L4", "8.9"), Gpu("NVIDIA H200", "9.0"), Gpu("Tesla T4", "7.5")


@pytest.mark.parametrize(
    ("changes", "version", "gpu", "reason"),
    [
        ({}, VERSION, L4, None),
        ({}, VERSION, H200, "made for NVIDIA L4"),
        ({}, "11.5.0.1", L4, f"made by tensorrt {VERSION}, 11.5.0.1 is installed"),
        ({"portable": True}, "11.5.0.1", H200, None),
        ({"portable": True}, "12.0.0.1", H200, None),
        ({"portable": True}, "10.13.0.1", H200, "10.13.0.1 is installed"),
        ({"portable": True}, VERSION, T4, "Ampere"),
        ({"runtime": "tensorrt_rtx", "gpu_name": None, "compute_capability": None}, VERSION, L4, None),
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
    assert found.engine == good
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
    assert f"r3d-engine build WEIGHTS.wts -o {tmp_path} --engine tensorrt --precision fp16" in found
    missing = find_engine(tmp_path, other, (0, 1))
    assert isinstance(missing, str)
    assert "invalid device ordinal" in missing

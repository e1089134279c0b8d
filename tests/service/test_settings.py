import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_defaults_are_the_documented_ones() -> None:
    settings = Settings()
    assert settings.max_upload_bytes == 256 * 1024 * 1024
    assert settings.max_frames == 216_000
    assert settings.max_frame_pixels == 8_912_896
    assert settings.drain_seconds == 30
    assert settings.upload_timeout_seconds == 60
    assert settings.decode_workers >= 1


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("R3D_MODEL", str(tmp_path))
    monkeypatch.setenv("R3D_MAX_UPLOAD_BYTES", "1000")
    monkeypatch.setenv("R3D_BACKEND", "openvino")
    settings = Settings()
    assert (settings.model, settings.max_upload_bytes, settings.backend) == (tmp_path, 1000, "openvino")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("R3D_MAX_UPLOAD_BYTES", "0"),
        ("R3D_MAX_UPLOAD_BYTES", "many"),
        ("R3D_BACKEND", "magic"),
        ("R3D_QUEUE_CLIPS", "3"),
        ("R3D_DECODE_WORKERS", "0"),
        ("R3D_REQUEST_TIMEOUT_SECONDS", "-1"),
        ("R3D_CPU_THREADS", "-1"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()
    command = [str(Path(sys.executable).with_name("r3d-serve")), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert name in done.stderr
    assert value in done.stderr


def test_the_readme_has_every_setting_with_its_default() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for name, value in Settings().model_dump().items():
        [row] = [line for line in readme.splitlines() if line.startswith(f"| `{name.upper()}` |")]
        shown = row.split("|")[2].strip().strip("`")
        if name not in ("model", "decode_workers", "devices"):
            assert shown == written(value), name


def written(value: object) -> str:
    """As the README has it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

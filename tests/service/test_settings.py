from pathlib import Path

import pytest
from pydantic import ValidationError

from service.environment import SettingsError, settings_from_environment
from service.settings import Settings

from ..support.programs import finished


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


def test_a_secret_may_be_in_a_file_and_the_environment_goes_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("service.environment.SECRETS", tmp_path)
    (tmp_path / "r3d_api_key").write_text("of the file\n")
    (tmp_path / "another").write_text("of another program")
    found = settings_from_environment().api_key
    assert found is not None
    assert found.get_secret_value() == "of the file"
    monkeypatch.setenv("R3D_API_KEY", "of the environment")
    found = settings_from_environment().api_key
    assert found is not None
    assert found.get_secret_value() == "of the environment"
    monkeypatch.delenv("R3D_API_KEY")
    (tmp_path / "r3d_api_key").write_text("short")
    with pytest.raises(SettingsError) as raised:
        settings_from_environment()
    assert "R3D_API_KEY" in str(raised.value)
    assert "short" not in str(raised.value).replace("shorter", "")


BAD = {
    "R3D_MAX_UPLOAD_BYTES": ("0", "many"),
    "R3D_BACKEND": ("magic",),
    "R3D_QUEUE_CLIPS": ("3",),
    "R3D_DECODE_WORKERS": ("0",),
    "R3D_REQUEST_TIMEOUT_SECONDS": ("-1",),
    "R3D_CPU_THREADS": ("-1",),
    "R3D_JOBS_VIDEOS": ("gcs://bucket/videos", "s3://", "s3://Bucket", "s3://bucket/../other", "s3://bucket//x"),
    "R3D_CORS_ORIGINS": ("example.org", "https://example.org/"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_and_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()
    with pytest.raises(SettingsError) as caught:
        settings_from_environment()
    [complaint] = caught.value.complaints
    assert complaint.startswith(f"{name}: ")
    assert complaint.endswith(f"(found {value!r})")


def test_bad_values_stop_the_start() -> None:
    done = finished("r3d-serve", "--port", "0", **{name: values[0] for name, values in BAD.items()})
    assert done.returncode == 2
    told = {line.partition(":")[0]: line for line in done.stderr.splitlines()}
    assert told.keys() == BAD.keys()
    assert all(told[name].endswith(f"(found {values[0]!r})") for name, values in BAD.items())


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("name", "value"), [("R3D_JOBS", "mysql://anna:secret@host/jobs"), ("R3D_WEBHOOK_SECRET", "whsec_secret")]
)
def test_a_bad_secret_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: ") as caught:
        settings_from_environment()
    assert "secret@" not in str(caught.value)
    assert "whsec_secret" not in str(caught.value)

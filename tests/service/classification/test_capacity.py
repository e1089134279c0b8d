"""A server opens as many videos as its memory has room for, and says so."""

import logging

import pytest

from service import settings as settings_module
from service.classification import capacity
from service.classification.capacity import planned_slots
from service.settings import Settings

GIB = 1 << 30


def slots_in(memory: int, monkeypatch: pytest.MonkeyPatch, **settings: int) -> tuple[int, int]:
    monkeypatch.setattr(capacity, "available_memory", lambda: memory)
    return planned_slots(Settings(**settings))  # type: ignore[arg-type]


def test_enough_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert slots_in(13 * GIB, monkeypatch, decode_workers=4) == (4, 16)
    assert caplog.records == []


def test_a_pod_of_6_gib(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert slots_in(6 * GIB, monkeypatch, decode_workers=4) == (4, 6)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "6.0 GiB of memory: at most 6 videos are open, not 16, and 4 are decoded at a time, not 4, as each may take "
        "R3D_DECODE_MEMORY_BYTES, 768 MiB"
    )


def test_what_nobody_asked_for_is_planned_to_fit_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(settings_module, "available_cpus", lambda: 8)
    assert slots_in(16 * GIB, monkeypatch) == (9, 20)
    assert [record.levelno for record in caplog.records] == [logging.INFO]


def test_who_asked_for_more_by_a_variable_is_warned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("R3D_DECODE_WORKERS", "9")
    assert slots_in(16 * GIB, monkeypatch) == (9, 20)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_very_little_memory_lowers_both(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots_in(3 * GIB, monkeypatch, decode_workers=4) == (2, 2)
    assert slots_in(GIB // 2, monkeypatch, decode_workers=4) == (1, 2), "a job, and a request beside it"


def test_less_memory_for_each_leaves_room_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots_in(6 * GIB, monkeypatch, decode_workers=4, decode_memory_bytes=320 << 20) == (4, 16)

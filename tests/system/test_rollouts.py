"""A rolling restart of a few seconds: `rollouts` has the long one."""

import shutil
from pathlib import Path

import pytest

from ..support.proxies import PROXIES
from .rollouts import trial


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_rolling_restart_loses_no_file_and_fails_none(proxy: str, model_directory: Path, tmp_path: Path) -> None:
    if shutil.which(proxy) is None:
        pytest.skip(f"{proxy} is not installed")
    found = trial(tmp_path, proxy, 8, 4, ("archive", "live", "curl"), ("--model", str(model_directory)))
    assert found["failures"] == []
    assert found["restarts"] >= 1
    assert all(found["answered"].values())

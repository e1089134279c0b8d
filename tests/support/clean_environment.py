"""A virtual environment with a wheel and what it requires, and nothing else: this one's files, linked."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def environment_with(wheel: Path, folder: Path) -> Path:
    """Make one in `folder` with the wheel alone; its directory of packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    python = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, timeout=60)
    [site] = folder.glob("lib/python*/site-packages")
    return site


def add_requirements(site: Path, extra: str = "") -> None:
    """Add what the wheel in it requires, for an extra too if one is named."""
    [metadata] = site.glob("r3d-*.dist-info")
    for required in _closure(Distribution.at(metadata), frozenset({extra}), set()):
        _link(required, site)


def _closure(
    dependent: Distribution, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]
) -> Iterator[Distribution]:
    """Everything that a distribution with these extras requires here, directly or not."""
    for text in dependent.requires or ():
        requirement = Requirement(text)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}
        )
        key = (requirement.name, frozenset(requirement.extras))
        if not applies or key in seen:
            continue
        seen.add(key)
        found = distribution(requirement.name)
        assert requirement.specifier.contains(found.version, prereleases=True), f"{text}: {found.version} is here"
        yield found
        yield from _closure(found, key[1], seen)


def _link(installed: Distribution, site: Path) -> None:
    """Have an installed distribution's files in another directory of packages too."""
    for file in installed.files or ():
        target = site / file
        if file.parts[0] == ".." or target.exists():  # programs; what was linked for another extra
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(str(file.locate())).resolve())

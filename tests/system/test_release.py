"""What `make release` refuses, and what it takes from README.md. A release itself is run by hand: it downloads."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "deploy" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(root: Path, *arguments: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").write_text('"""The service."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.3] - 2026-11-28\n\n## [1.2.2] - 2026-11-01\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def test_a_clean_checkout_may_be_released_once(release: ModuleType, checkout: Path) -> None:
    assert release.version_to_release(checkout) == "1.2.3"
    git(checkout, "tag", "-a", "v1.2.3", "-m", "r3d 1.2.3")
    with pytest.raises(release.ReleaseError, match=r"v1\.2\.3 is tagged already"):
        release.version_to_release(checkout)


def test_changes_and_a_changelog_without_the_version_are_refused(release: ModuleType, checkout: Path) -> None:
    changelog = checkout / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## [1.2.3] - 2026-11-28", "## [Unreleased]"))
    with pytest.raises(release.ReleaseError, match=r"has changes:\n M CHANGELOG"):
        release.version_to_release(checkout)
    git(checkout, "commit", "-qam", "unreleased")
    with pytest.raises(release.ReleaseError, match=r"begins with \[Unreleased\], the version is 1\.2\.3"):
        release.version_to_release(checkout)


def test_readme_shows_a_command_and_its_label(release: ModuleType) -> None:
    [(command, label)] = release.readme_commands((ROOT / "README.md").read_text())
    assert command.startswith("curl -F file=@service/web/static/samples/tour.mp4 ")
    assert release.README_ADDRESS in command
    assert label == "pan right"


def test_the_workflow_of_a_public_forge_runs_the_same_as_ci() -> None:
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, str(workflow)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "run: bash .ci/run\n" in workflow.read_text()

"""A release: `make release`, in a clean checkout whose version CHANGELOG.md has.

Builds the wheel and the source archive into dist/, installs the wheel alone in a new environment, has it do there what
README.md shows, lists what is installed (CycloneDX), builds the images where Docker runs, and tags the commit. It
publishes nothing: its last line says how.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
START_SECONDS = 120.0
README_ADDRESS = "http://127.0.0.1:8000"


class ReleaseError(Exception):
    """Why there can be no release."""


def run(*command: object, cwd: Path = ROOT) -> str:
    """What a program prints. Raises ReleaseError when it fails."""
    done = subprocess.run([str(each) for each in command], cwd=cwd, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise ReleaseError(f"{command[0]} ended with {done.returncode}: {shlex.join(map(str, command))}")
    return done.stdout


def version_to_release(root: Path) -> str:
    """The version. Raises ReleaseError unless the checkout is clean, and CHANGELOG.md has it dated, and no tag."""
    [version] = re.findall(r'^__version__ = "(.+)"$', (root / "service" / "__init__.py").read_text(), re.MULTILINE)
    if changed := run("git", "status", "--porcelain", cwd=root):
        raise ReleaseError(f"the checkout has changes:\n{changed}")
    first = re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    if not re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", first):
        raise ReleaseError(f"CHANGELOG.md begins with {first}, the version is {version}")
    if run("git", "tag", "--list", f"v{version}", cwd=root):
        raise ReleaseError(f"v{version} is tagged already")
    return version


def build(dist: Path) -> Path:
    """The wheel, made from the source archive beside it."""
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", dist, ROOT)
    [wheel] = dist.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """The programs of an environment that has the wheel, what it requires for a CPU, and nothing else."""
    run(sys.executable, "-m", "venv", folder)
    programs = folder / "bin"
    run(programs / "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[cpu]")
    # Again, by name: the environment would else remember where on this machine the wheel was.
    again = ("--no-deps", "--force-reinstall", "--no-index", "--find-links", wheel.parent)
    run(programs / "pip", "install", "-q", *again, "r3d")
    return programs


def readme_commands(readme: str) -> list[tuple[str, str]]:
    """What README.md asks the service, and the label that it says is answered."""
    found = re.findall(r'^\$ (curl .+)$\n\{"label":"([^"]+)"', readme, re.MULTILINE)
    if not found:
        raise ReleaseError("README.md shows no command")
    return found


def check_readme(programs: Path) -> None:
    """The installed programs do what README.md shows. Raises ReleaseError."""
    [site] = programs.parent.glob("lib/python*/site-packages")
    with serving(programs / "r3d-serve", programs.parent) as address:
        for command, label in readme_commands((ROOT / "README.md").read_text()):
            answer = run(*shlex.split(command.replace(README_ADDRESS, address)), cwd=site)
            if json.loads(answer)["label"] != label:
                raise ReleaseError(f"{command} says {answer[:80]}, README.md {label}")
            print(f"{command}: {label}")
    sample = site / "service" / "web" / "static" / "samples" / "tour.mp4"
    print(run(programs / "r3d-classify", sample, "--json", cwd=programs.parent)[:60])
    for name in ("r3d-serve", "r3d-classify", "r3d-evaluate", "r3d-engine"):
        print(name, run(programs / name, "--version").strip())


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[str]:
    """The service, and its address once it is ready. Raises ReleaseError when it does not become so."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(folder / "cache")}
    with subprocess.Popen([program, "--port", str(port)], cwd=folder, env=environment) as server:
        try:
            _wait_ready(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_ready(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health"):  # noqa: S310  # our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise ReleaseError("the installed service did not become ready")


def list_packages(programs: Path, dist: Path, version: str) -> None:
    """What an installation for a CPU is made of, by version."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    run(tool, "environment", "--output-reproducible", "-o", dist / f"r3d-{version}-cpu.cdx.json", programs.parent)


def build_images(version: str) -> None:
    """The images, labelled, where Docker runs; `SOURCE` in the environment is where the sources are."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        print("no Docker runs here: no image was built")
        return
    revision, source = run("git", "rev-parse", "HEAD").strip(), os.environ.get("SOURCE", "")
    labels = {"VERSION": version, "REVISION": revision, "SOURCE": source}
    arguments = [part for name, value in labels.items() for part in ("--build-arg", f"{name}={value}")]
    for target, tag in (("cpu", f"r3d:{version}"), ("gpu", f"r3d:{version}-gpu")):
        run(docker, "build", "-f", "deploy/Dockerfile", "--target", target, "-t", tag, *arguments, ".")


def main() -> None:
    """The whole of it."""
    dist = ROOT / "dist"
    version = version_to_release(ROOT)
    wheel = build(dist)
    with TemporaryDirectory() as folder:
        programs = install(wheel, Path(folder) / "venv")
        check_readme(programs)
        list_packages(programs, dist, version)
    build_images(version)
    run("git", "tag", "--annotate", f"v{version}", "--message", f"r3d {version}")
    print(f"v{version}: {', '.join(sorted(path.name for path in dist.iterdir()))}")
    print(f"To publish: git push origin v{version}; twine upload dist/*.whl dist/*.tar.gz")


if __name__ == "__main__":
    try:
        main()
    except ReleaseError as error:
        sys.exit(f"no release: {error}")

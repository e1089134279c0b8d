"""Pages made from the code and from the files at the top, so that they cannot differ: run by mkdocs."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mkdocs_gen_files
import yaml

from service import errors
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
# Files at the top -> their page.
COPIED = {
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
PROGRAMS = ("r3d-serve", "r3d-classify", "r3d-evaluate", "r3d-engine")
COMMAND = re.compile(r"^  ([a-z]+)  ", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def relinked(text: str) -> str:
    """A file from the top as a page: links to pages stay, those to other files become their text."""

    def link(found: "re.Match[str]") -> str:
        words, target = found.groups()
        page = COPIED.get(target) or ("index.md" if target == "README.md" else target.removeprefix("docs/"))
        known = page in {*COPIED.values(), "index.md"} or (ROOT / "docs" / page.partition("#")[0]).is_file()
        return f"[{words}]({page})" if known else words

    return LINK.sub(link, text)


def settings_page() -> Iterator[str]:
    """A line for each setting."""
    yield "# Settings\n\nEnvironment variables. A bad or unknown one that begins with `R3D_` stops the start.\n"
    yield "| variable | default | |\n|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = "the CPUs" if field.default_factory else _shown(field.default)
        yield f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |"


def _shown(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def kinds(base: type[errors.ServiceError]) -> Iterator[type[errors.ServiceError]]:
    """An error and all that derive from it."""
    yield base
    for derived in base.__subclasses__():
        yield from kinds(derived)


def errors_page() -> Iterator[str]:
    """Every kind of problem, with what to do; raises ValueError when `errors.yml` has others."""
    remedies = yaml.safe_load((ROOT / "docs" / "errors.yml").read_text())
    found = {kind.slug: kind for kind in kinds(errors.ServiceError)}
    if found.keys() != remedies.keys():
        raise ValueError(f"docs/errors.yml and service/errors.py differ in {found.keys() ^ remedies.keys()}")
    yield "# Errors and what to do\n\nBy the end of a problem's `type`, `urn:r3d:problem:...`.\n"
    for slug, kind in sorted(found.items(), key=lambda item: (int(item[1].status), item[0])):
        yield f"## {slug}\n\n**{int(kind.status)}** {kind.title}. {inspect.getdoc(kind)}\n\n{remedies[slug]}\n"


def command_page() -> Iterator[str]:
    """What is written by hand, and what each program says of itself."""
    yield (ROOT / "docs" / "command-line.in.md").read_text()
    for name in PROGRAMS:
        text = told(name)
        yield f"## {name}\n\n```text\n{text}\n```\n"
        for command in COMMAND.findall(text.partition("Commands:")[2]):
            yield f"### {name} {command}\n\n```text\n{told(name, command)}\n```\n"


def told(name: str, *arguments: str) -> str:
    """A program's `--help`, without boxes, and without the settings, which have a page of their own."""
    program = Path(sys.executable).with_name(name)
    plain = os.environ | {"TYPER_USE_RICH": "0", "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, check=True, env=plain)
    return "".join(done.stdout.partition("Usage:")[1:]).strip()


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "command-line.md": command_page}

for source, page in COPIED.items():
    with mkdocs_gen_files.open(page, "w") as stream:
        stream.write(relinked((ROOT / source).read_text()))
for page, lines in PAGES.items():
    with mkdocs_gen_files.open(page, "w") as stream:
        stream.write("\n".join(lines()) + "\n")

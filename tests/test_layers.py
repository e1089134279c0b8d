"""The shape of the code, beyond the layers that `lint-imports` checks (pyproject.toml)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_of(package: str) -> dict[str, Path]:
    root = ROOT / package
    files = (path for path in root.rglob("*.py") if path.stem not in ("__init__", "__main__"))
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in files}


def imports_of(package: str, name: str, path: Path) -> Iterator[str]:
    """Absolute names of every module a file imports, wherever in it."""
    parents = [package, *name.split(".")[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            prefix = [*base, *(node.module.split(".") if node.module else [])]
            yield ".".join(prefix)
            yield from (".".join([*prefix, alias.name]) for alias in node.names)


def test_the_packages_meet_in_the_manifest_only() -> None:
    for name, path in modules_of("service").items():
        outside = {module for module in imports_of("service", name, path) if module.startswith("engine_builder")}
        assert all(module.startswith("engine_builder.manifest") for module in outside), (name, outside)
    for name, path in modules_of("engine_builder").items():
        outside = {module for module in imports_of("engine_builder", name, path) if module.split(".")[0] == "service"}
        assert not outside, (name, outside)


@pytest.mark.parametrize("package", ["service", "engine_builder", "r3d"])
def test_no_module_keeps_state(package: str) -> None:
    """No function rebinds a module's name, and no module-level name is a container that could be filled."""
    for name, path in modules_of(package).items():
        tree = ast.parse(path.read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)], name
        for node in tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            empty = isinstance(value, ast.List | ast.Dict) and not ast.unparse(value).strip("[]{}")
            assert not empty, f"{name}: {ast.unparse(node)}"

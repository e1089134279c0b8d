"""The shape of the code: data flows one way, and the service uses nothing of the builder but its manifest."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Lower files first: each may import only from files before it.
SERVICE = (
    "errors",
    "settings",
    "messages",
    "media",
    "sandbox.libc",
    "sandbox.process",
    "sandbox.limits",
    "sandbox.privileges",
    "sandbox.files",
    "sandbox.syscalls",
    "decode",
    "clips",
    "decode_child",
    "fork_server",
    "fork_link",
    "decoding",
    "decoder",
    "backends.protocol",
    "backends.staged",
    "backends.openvino",
    "backends.tensorrt",
    "backends.engines",
    "backends.onnxruntime",
    "backends.choose",
    "metrics",
    "fair",
    "clip_queue",
    "batcher",
    "vote",
    "pipeline",
    "admission",
    "bundled",
    "spool",
    "runtime",
    "schemas",
    "answers",
    "multipart",
    "upload",
    "record",
    "request_id",
    "refused_body",
    "problems",
    "api_key",
    "classifying",
    "live_answer",
    "routes",
    "request_log",
    "page",
    "tracing",
    "app",
    "ray_serve",
    "ray_proxy",
    "server",
    "logs",
    "cli",
    "classifiers",
    "archive",
    "ray_archive",
    "pace",
    "classify_cli",
)
BUILDER = (
    "errors",
    "files",
    "manifest",
    "wts",
    "network",
    "onnx_graph",
    "build",
    "checkpoint",
    "sample_clips",
    "verify",
    "tensorrt",
    "gpu",
    "engine_runner",
    "overflow",
    "engines",
    "cli",
    "camera_motion.network",
    "camera_motion.textures",
    "camera_motion.motion",
    "camera_motion.degrade",
    "camera_motion.render",
    "camera_motion.train",
    "camera_motion.samples",
)


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


@pytest.mark.parametrize(("package", "order"), [("service", SERVICE), ("engine_builder", BUILDER)])
def test_imports_go_one_way(package: str, order: tuple[str, ...]) -> None:
    modules = modules_of(package)
    assert sorted(modules) == sorted(order), "every file has its place in the order"
    for place, name in enumerate(order):
        own = {module.removeprefix(f"{package}.") for module in imports_of(package, name, modules[name])}
        wrong = own.intersection(order[place:])
        assert not wrong, f"{package}/{name} imports {wrong}"


def test_the_packages_meet_in_the_manifest_only() -> None:
    for name, path in modules_of("service").items():
        outside = {module for module in imports_of("service", name, path) if module.startswith("engine_builder")}
        assert all(module.startswith("engine_builder.manifest") for module in outside), (name, outside)
    for name, path in modules_of("engine_builder").items():
        outside = {module for module in imports_of("engine_builder", name, path) if module.split(".")[0] == "service"}
        assert not outside, (name, outside)


@pytest.mark.parametrize("package", ["service", "engine_builder"])
def test_no_module_keeps_state(package: str) -> None:
    """No function rebinds a module's name, and no module-level name is a container that could be filled."""
    for name, path in modules_of(package).items():
        tree = ast.parse(path.read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)], name
        for node in tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            empty = isinstance(value, ast.List | ast.Dict) and not ast.unparse(value).strip("[]{}")
            assert not empty, f"{name}: {ast.unparse(node)}"

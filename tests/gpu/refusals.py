"""Real runtimes that refuse: `python -m tests.gpu.refusals MODEL RTX_PLAN [--rounds 100]`, on a machine with a GPU.

Plans that are damaged, foreign, or TensorRT-RTX's, given to TensorRT's lean runtime and to TensorRT-RTX through the
service's own loading code, again and again: the error of each, what is left of memory, and how `r3d-serve` ends. The
lean runtime (packages tensorrt-lean-cu13-bindings and -libs) stands in for `tensorrt`, of which it is a part.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from pycuda import driver

from engine_builder.manifest import Engine, Manifest
from service.errors import BackendLostError
from service.inference.backends.tensorrt import TensorRtBackend

PACKAGE = "from {0} import *\nfrom {0} import __version__\n"
STANDS_FOR = {"tensorrt": "tensorrt_lean_bindings", "tensorrt_rtx": "tensorrt_rtx_bindings"}


def plans(rtx_plan: bytes) -> dict[str, bytes]:
    """What is given to the runtimes."""
    flipped = bytearray(rtx_plan)
    flipped[len(flipped) // 2] ^= 0xFF
    return {
        "noise": hashlib.shake_256(b"noise").digest(1 << 20),
        "a TensorRT-RTX plan": rtx_plan,
        "one cut short": rtx_plan[: len(rtx_plan) // 2],
        "one with a changed byte": bytes(flipped),
        "of another version": rtx_plan[:16] + b"\x01" * 16 + rtx_plan[32:],
        "nothing": b"",
    }


def entry(content: bytes, runtime: str, version: str, gpu: str, capability: str) -> Engine:
    """The manifest's entry of a plan, which says that it fits."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Engine(
        file=f"model.fp16.{sha256[:12]}.engine", sha256=sha256, precision="fp16", max_batch=8,
        runtime="tensorrt_rtx" if runtime == "tensorrt_rtx" else "tensorrt", runtime_version=version, gpu_name=gpu,
        compute_capability=capability, portable=False, verification=None,
    )  # fmt: skip


def load(trt: Any, content: bytes, described: Engine, manifest: Manifest) -> str:
    """The error, in a thread of its own as the service has it."""
    errors: list[str] = []

    def run() -> None:
        try:
            backend = TensorRtBackend(trt, content, described, manifest.clip.shape, manifest.outputs, 0)
        except BackendLostError as error:
            errors.append(str(error))
        else:
            backend.close()
            errors.append("it was loaded")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return errors[0] if errors else "another exception"


def free_memory() -> int:
    """Of the GPU, in bytes."""
    context = driver.Device(0).retain_primary_context()
    context.push()
    free = int(driver.mem_get_info()[0])
    context.pop()
    context.detach()
    return free


def again_and_again(runtime: str, content: bytes, manifest: Manifest, rounds: int) -> dict[str, object]:
    """The errors of many loads of one plan, and what they left."""
    trt = importlib.import_module(runtime)
    gpu = driver.Device(0)
    capability = ".".join(map(str, gpu.compute_capability()))
    described = entry(content, runtime, trt.__version__, gpu.name(), capability)
    process = psutil.Process()
    messages = {load(trt, content, described, manifest) for _ in range(5)}
    held = free_memory(), process.memory_info().rss
    messages |= {load(trt, content, described, manifest) for _ in range(rounds)}
    now = free_memory(), process.memory_info().rss
    return {
        "messages": sorted(messages),
        "gpu_growth_mb": round((held[0] - now[0]) / 1e6, 1),
        "host_growth_mb": round((now[1] - held[1]) / 1e6, 1),
    }


def serve(model: Path, contents: list[bytes], shim: Path, backend: str) -> dict[str, object]:
    """How `r3d-serve` ends, or what it says in `/health`, with a model of these engines."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for file in model.iterdir():
            (directory / file.name).symlink_to(file.resolve())
        gpu = driver.Device(0)
        capability = ".".join(map(str, gpu.compute_capability()))
        version = importlib.import_module("tensorrt").__version__
        engines = tuple(entry(content, "tensorrt", version, gpu.name(), capability) for content in contents)
        for content, engine in zip(contents, engines, strict=True):
            (directory / engine.file).write_bytes(content)
        (directory / "model.json").unlink()
        Manifest.load(model).model_copy(update={"engines": engines}).save(directory)
        path = os.pathsep.join([str(shim), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"R3D_MODEL": name, "R3D_BACKEND": backend, "PYTHONPATH": path}
        command = [sys.executable, "-m", "tests.gpu.refusals_server"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        health = next((line for line in done.stdout.splitlines() if line.startswith('{"status"')), "")
        last = health or (done.stderr.strip().splitlines() or [""])[-1]
        return {
            "status": done.returncode,
            "last": last[:900],
            "cores": [path.name for path in Path.cwd().glob("core*")],
        }


def run(
    model: Annotated[Path, typer.Argument(help="A model directory.")],
    rtx_plan: Annotated[Path, typer.Argument(help="An engine of TensorRT-RTX.")],
    rounds: Annotated[int, typer.Option(help="Loads of each plan.")] = 100,
) -> None:
    """Have real runtimes refuse plans; each line is JSON."""
    driver.init()
    manifest, found = Manifest.load(model), plans(rtx_plan.read_bytes())
    with tempfile.TemporaryDirectory() as name:
        shim = Path(name)
        for package, bindings in STANDS_FOR.items():
            (shim / package).mkdir()
            (shim / package / "__init__.py").write_text(PACKAGE.format(bindings))
        sys.path.insert(0, name)
        for runtime in ("tensorrt", "tensorrt_rtx"):
            for what, content in found.items():
                figures = again_and_again(runtime, content, manifest, rounds)
                print(runtime, what, json.dumps(figures), flush=True)
        for what in ("noise", "a TensorRT-RTX plan", "one cut short"):
            print("r3d-serve, R3D_BACKEND=tensorrt,", what, json.dumps(serve(model, [found[what]], shim, "tensorrt")))
        bad = [found["noise"], found["a TensorRT-RTX plan"]]
        print("r3d-serve, auto, two such engines", json.dumps(serve(model, bad, shim, "auto")), flush=True)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()

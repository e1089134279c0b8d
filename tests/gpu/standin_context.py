"""What stands in for TensorRT: an execution context with the same calls that computes the network with PyTorch."""

import hashlib
from collections import deque
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torchvision.models.video import r3d_18

from engine_builder.camera_motion.network import R3D18
from engine_builder.manifest import ClipFormat, Engine
from service.inference.backends.tensorrt import TensorRtBackend

from ..support.recipe import draw, shapes_of

SHAPE = (32, 112, 112, 3)
BATCH = 8


class Split(torch.nn.Module):  # type: ignore[misc]
    """A network as its trunk and its last layer: clips, normalised, to embeddings and logits."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.last: torch.nn.Linear = network.fc
        network.fc = torch.nn.Identity()
        self.trunk = network

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        embeddings = self.trunk(clips)
        return embeddings, self.last(embeddings)


class Memory:
    """Device memory at an address, as PyTorch accepts it."""

    def __init__(self, address: int, shape: tuple[int, ...], kind: str) -> None:
        self.__cuda_array_interface__ = {"data": (address, False), "shape": shape, "typestr": kind, "version": 3}


class Context:
    """Stands in for IExecutionContext: the calls that the backend makes, as TensorRT documents them."""

    def __init__(self, network: Split, events: "deque[tuple[Any, Any]] | None") -> None:
        self._network, self._events = network, events
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        clip = ClipFormat()
        self._mean = torch.tensor(clip.mean, device=self._device).view(1, 3, 1, 1, 1)
        self._std = torch.tensor(clip.std, device=self._device).view(1, 3, 1, 1, 1)

    @property
    def _device(self) -> torch.device:
        return next(self._network.parameters()).device

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "frames"
        self._shape = shape
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = int(memory)
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        stream = torch.cuda.ExternalStream(stream_handle, device=self._device)
        with torch.inference_mode(), torch.cuda.device(self._device), torch.cuda.stream(stream):
            begun, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begun.record(stream)
            frames = torch.as_tensor(Memory(self._addresses["frames"], self._shape, "|u1"), device=self._device)
            x = (frames.permute(0, 4, 1, 2, 3).float() / 255 - self._mean) / self._std
            embeddings, logits = self._network(x)
            for name, values in {"embedding": embeddings, "probabilities": logits.softmax(1)}.items():
                output = Memory(self._addresses[name], tuple(values.shape), "<f4")
                torch.as_tensor(output, device=self._device).copy_(values)
            ended.record(stream)
            if self._events is not None:
                self._events.append((begun, ended))
        return True


def stand_in(networks: list[Split], events: "deque[tuple[Any, Any]] | None" = None) -> Any:
    """Stands in for the module `tensorrt`; the "serialised engine" is the number of a network."""

    class Runtime:
        def __init__(self, logger: object) -> None:
            self.logger = logger

        def deserialize_cuda_engine(self, content: bytes) -> Any:
            network = networks[int(content)]
            return SimpleNamespace(create_execution_context=lambda: Context(network, events), device_memory_size_v2=0)

    module = ModuleType("stand-in")
    module.__dict__.update(
        Runtime=Runtime,
        ILogger=type("ILogger", (), {"__init__": lambda _: None}),
        outputs={"probabilities": networks[0].last.out_features, "embedding": networks[0].last.in_features},
    )
    return module


def full_network(device: int) -> Split:
    """torchvision's r3d_18 with the recipe's weights, fp32 without TF32."""
    network = r3d_18(weights=None).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in draw(shapes_of("r3d_18")).items()})
    return Split(network.to(f"cuda:{device}"))


def small_network(device: int) -> Split:
    """An r3d_18 of width 8 with nine classes, seeded."""
    torch.manual_seed(0)
    return Split(R3D18(9, 8).eval().to(f"cuda:{device}"))


def backend_of(trt: Any, device: int, number: int) -> TensorRtBackend:
    """The service's backend on that GPU, with network `number` of the stand-in `trt`."""
    content = str(number).encode()
    entry = Engine(
        file="stand-in", sha256=hashlib.sha256(content).hexdigest(), precision="fp32", max_batch=BATCH,
        runtime="tensorrt", runtime_version="0", gpu_name=None, compute_capability=None, portable=False,
        verification=None,
    )  # fmt: skip
    return TensorRtBackend(trt, content, entry, SHAPE, trt.outputs, device)

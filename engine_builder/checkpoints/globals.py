"""The names a pickled state dict may refer to, and what stands in for each: plain data of ours, never the thing."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CheckpointError
from .tensors import BFLOAT16, Storage, Tensor

STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "UntypedStorage": "u1",
    "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}
STORAGE_MODULES = ("torch", "torch.storage", "torch.cuda")
DTYPES = (
    *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "bool", "uint8"),
    *("int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
)
MAPPINGS = frozenset({"collections.OrderedDict", "collections.defaultdict", "collections.Counter"})
REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2"
PARAMETERS = frozenset({"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"})
WITH_ATTRIBUTES = "torch._tensor._rebuild_from_type_v2"  # a tensor on which a program has set attributes
# What training scripts save beside the weights. None of it is used, so nothing of it is made.
INERT = frozenset(
    {
        "torch._utils._rebuild_tensor_v3",  # tensors of types that no network here is computed from
        "torch.device",
        "torch.Tensor",
        "torch.nn.parameter.Parameter",
        "torch.storage.TypedStorage",
        "argparse.Namespace",
        "types.SimpleNamespace",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib.WindowsPath",
        "pathlib.PureWindowsPath",
        "datetime.datetime",
        "datetime.timedelta",
        "numpy.dtype",
        "numpy.ndarray",
        "_codecs.encode",
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning_fabric.utilities.data.AttributeDict",
        "lightning.fabric.utilities.data.AttributeDict",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
        *(
            f"{module}.{name}"
            for module in ("builtins", "__builtin__")
            for name in ("set", "frozenset", "list", "dict", "int", "float", "str", "bytearray", "complex", "slice")
        ),
        *(f"torch.{name}" for name in DTYPES),
    }
)


@dataclass(frozen=True)
class Global:
    """A name that the file refers to, and nothing but the name."""

    name: str

    @property
    def element(self) -> str | None:
        """NumPy's type of a storage class's numbers, without byte order; None for what is no storage class."""
        module, _, name = self.name.rpartition(".")
        return STORAGES.get(name) if module in STORAGE_MODULES else None


@dataclass(eq=False)
class Inert:
    """Stands for an object that is not needed."""

    name: str


def find_global(module: str, name: str) -> Global:
    """The name, if it is one of those allowed. Raises CheckpointError naming it otherwise."""
    found = Global(f"{module}.{name}")
    if (
        found.name in MAPPINGS | PARAMETERS | INERT | {REBUILD_TENSOR, WITH_ATTRIBUTES, "torch.Size"}
        or found.element is not None
    ):
        return found
    shown = found.name[:80].encode("unicode_escape").decode()
    raise CheckpointError(
        f"it refers to {shown!r}, which could run code: it holds more than weights. Where it was made, save "
        "those alone: torch.save(model.state_dict(), FILE)"
    )


def construct(function: object, arguments: object) -> object:
    """What stands in for `function(*arguments)`. Raises CheckpointError for what is not allowed or makes no sense."""
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        raise CheckpointError("damaged: it calls what is no function")
    if function.name in MAPPINGS:
        return _mapping(arguments[-1] if arguments else ())
    if function.name == REBUILD_TENSOR:
        return _tensor(*arguments[:4])
    if function.name == WITH_ATTRIBUTES:
        return construct(arguments[0], arguments[2])
    if function.name in PARAMETERS or function.name == "torch.Size":
        return arguments[0]
    if function.name in INERT:
        return Inert(function.name)
    raise CheckpointError(f"damaged: it calls {function.name}")


def _mapping(items: object) -> dict[str | int, object]:
    """Of `{...}` or `[(key, value), ...]`; a defaultdict's factory is nothing."""
    found: dict[str | int, object] = {}
    pairs: Iterable[object] = items.items() if isinstance(items, dict) else items if isinstance(items, list) else ()
    for pair in pairs:
        if isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str | int):
            found[pair[0]] = pair[1]
    return found


def _tensor(storage: object, offset: object, shape: object, strides: object) -> object:
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise CheckpointError("damaged: a tensor without a storage or a shape")
    return Tensor(storage, offset, shape, strides)  # type: ignore[arg-type]  # which checks it

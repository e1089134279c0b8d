"""The network's tensors among all that a training script saved, under the names that torchvision gives them."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import CheckpointError
from .tensors import Tensor

ANCHOR = "stem.0.weight"  # every network of the family has it; whatever stands before it is the prefix
MAX_DEPTH = 8
HEAD = re.compile(r"(fc|classifier|head)(\.\d+)?\.(weight|bias)")
BODY = re.compile(r"(stem|layer\d+|fc)\.")
SHOWN = 8
TOGETHER = 3  # more keys than that under one name are told as `name.* (number)`


@dataclass(frozen=True)
class StateDict:
    """Tensors by torchvision's names, the file's names of those, and the keys that are left out."""

    tensors: dict[str, Tensor]
    originals: dict[str, str]
    ignored: tuple[str, ...]

    def original(self, name: str) -> str:
        """The file's name of a tensor; torchvision's for one that is missing."""
        return self.originals.get(name, name)

    def shown(self) -> str:
        """The file's names, shortened."""
        return shorten([*self.originals.values(), *self.ignored])


def find_state_dict(content: object) -> StateDict:
    """The tensors around the first key that ends in `stem.0.weight`, however deep in dicts it lies.

    Raises CheckpointError with the keys found when there is none, or when the last layer cannot be told.
    """
    found = dict(_flatten(content))
    anchor = next((key for key in found if f".{key}".endswith(f".{ANCHOR}")), None)
    if anchor is None:
        keys = shorten(found) if found else "no tensors at all"
        raise CheckpointError(f"no key ends in {ANCHOR!r}, so this is no video network of this family; found: {keys}")
    prefix = anchor.removesuffix(ANCHOR)
    names = {key: key.removeprefix(prefix) for key in found if key.startswith(prefix)}
    heads = _head(found, prefix)
    kept = {key: heads.get(key, name) for key, name in names.items() if heads.get(key) or _is_body(name)}
    kept |= {key: name for key, name in heads.items() if key not in kept}
    return StateDict(
        tensors={name: found[key] for key, name in kept.items()},
        originals={name: key for key, name in kept.items()},
        ignored=tuple(key for key in found if key not in kept),
    )


def _is_body(name: str) -> bool:
    return BODY.match(name) is not None and HEAD.fullmatch(name) is None


def _head(found: Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    """The last layer's keys to torchvision's names: in the network itself, or beside it (`head` and `backbone`)."""
    while True:
        layers: dict[str, dict[str, str]] = {}
        for key in found:
            match = HEAD.fullmatch(key.removeprefix(prefix)) if key.startswith(prefix) else None
            if match:
                layers.setdefault(match[1] + (match[2] or ""), {})[key] = f"fc.{match[3]}"
        if len(layers) > 1:
            names = ", ".join(layers)
            raise CheckpointError(f"{names}: which of these is the last layer cannot be told; one is expected")
        if layers or not prefix:
            return next(iter(layers.values()), {})
        prefix = prefix.rstrip(".").rpartition(".")[0]
        prefix += "." if prefix else ""


def _flatten(content: object) -> Iterator[tuple[str, Tensor]]:
    """Every tensor with its path, those near the top first. A dict that is met twice is gone into once."""
    waiting: deque[tuple[str, int, object]] = deque([("", 0, content)])
    seen: set[int] = set()
    while waiting:
        prefix, depth, found = waiting.popleft()
        if not isinstance(found, dict) or id(found) in seen:
            continue
        seen.add(id(found))
        for key, value in found.items():
            if isinstance(value, Tensor):
                yield f"{prefix}{key}", value
            elif depth < MAX_DEPTH:
                waiting.append((f"{prefix}{key}.", depth + 1, value))


def shorten(keys: Iterable[str]) -> str:
    """The keys on one line: what has the same beginning together, and no more than a few."""
    keys = list(keys)
    groups = Counter(key.partition(".")[0] for key in keys)
    names = dict.fromkeys(
        f"{top}.* ({groups[top]})" if groups[top := key.partition(".")[0]] > TOGETHER else key for key in keys
    )
    shown = [name[:80].encode("unicode_escape").decode() for name in list(names)[:SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

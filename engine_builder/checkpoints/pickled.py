"""Pickles read as data. `pickletools` names the opcodes; here they build dicts, lists and stand-ins of ours.

Nothing is imported and nothing called, so there is nothing that a file could make run: Python's own unpickler is not
used. The opcodes are those of protocols 0 to 5 (pickletools' documentation) that plain data needs.
"""

import pickletools
import warnings
from collections.abc import Callable
from typing import BinaryIO

from ..errors import CheckpointError
from .globals import Inert, construct, find_global

PersistentLoad = Callable[[object], object]
Act = Callable[["_Machine", object], None]

LITERALS = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)


def read_pickle(stream: BinaryIO, persistent_load: PersistentLoad) -> object:
    """The next pickle of the stream, which is left behind it. `persistent_load` makes storages of their identifiers.

    Raises CheckpointError for names that are not allowed; ValueError, IndexError, KeyError, TypeError or
    OverflowError where it is damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of escapes in a damaged name
        return _read(stream, _Machine(persistent_load))


def _read(stream: BinaryIO, machine: "_Machine") -> object:
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in LITERALS:
            machine.push(argument)
        elif opcode.name in ACTS:
            ACTS[opcode.name](machine, argument)
        else:
            raise CheckpointError(f"it uses pickle's {opcode.name}, which no state dict needs")
    return machine.pop()


class _Machine:
    """The stack and memo of one pickle."""

    def __init__(self, persistent_load: PersistentLoad) -> None:
        self.persistent_load = persistent_load
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[object, object] = {}

    def push(self, value: object) -> None:
        self._stack.append(value)

    def pop(self) -> object:
        return self._stack.pop()

    def drop(self) -> None:
        self._stack.pop()

    def top(self) -> object:
        return self._stack[-1]

    def mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def since_mark(self) -> list[object]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def last(self, count: int) -> tuple[object, ...]:
        return tuple(reversed([self.pop() for _ in range(count)]))

    def remember(self, index: object) -> None:
        self._memo[index] = self.top()

    def memoize(self) -> None:
        self.remember(len(self._memo))

    def recall(self, index: object) -> None:
        self.push(self._memo[index])

    def set_items(self, items: list[object]) -> None:
        """Keys and values in turn, into the dict on top; keys that no state dict has are left out."""
        target = self.top()
        if not isinstance(target, dict | Inert):
            raise CheckpointError("damaged: it sets an item of what is no dict")
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, str | int):
                    target[key] = value

    def append(self, items: list[object]) -> None:
        target = self.top()
        if not isinstance(target, list | Inert):
            raise CheckpointError("damaged: it appends to what is no list")
        if isinstance(target, list):
            target.extend(items)

    def call(self) -> None:
        function, arguments = self.last(2)
        self.push(construct(function, arguments))


def _named(machine: _Machine, argument: object) -> None:
    module, _, name = str(argument).partition(" ")
    machine.push(find_global(module, name))


def _named_on_stack(machine: _Machine, _: object) -> None:
    module, name = machine.last(2)
    machine.push(find_global(str(module), str(name)))


def _new_with_keywords(machine: _Machine, _: object) -> None:
    machine.pop()
    machine.call()


def _frozen_set(machine: _Machine, _: object) -> None:
    machine.since_mark()
    machine.push(Inert("frozenset"))


def _new_dict(machine: _Machine, _: object) -> None:
    items = machine.since_mark()
    machine.push({})
    machine.set_items(items)


ACTS: dict[str, Act] = {
    "PROTO": lambda machine, argument: None,
    "FRAME": lambda machine, argument: None,
    "STOP": lambda machine, argument: None,
    "NONE": lambda machine, argument: machine.push(None),
    "NEWTRUE": lambda machine, argument: machine.push(True),
    "NEWFALSE": lambda machine, argument: machine.push(False),
    "EMPTY_DICT": lambda machine, argument: machine.push({}),
    "EMPTY_LIST": lambda machine, argument: machine.push([]),
    "EMPTY_TUPLE": lambda machine, argument: machine.push(()),
    "EMPTY_SET": lambda machine, argument: machine.push(Inert("set")),
    "MARK": lambda machine, argument: machine.mark(),
    "POP": lambda machine, argument: machine.drop(),
    "POP_MARK": lambda machine, argument: machine.since_mark().clear(),
    "DUP": lambda machine, argument: machine.push(machine.top()),
    "DICT": _new_dict,
    "LIST": lambda machine, argument: machine.push(machine.since_mark()),
    "FROZENSET": _frozen_set,
    "TUPLE": lambda machine, argument: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, argument: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, argument: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, argument: machine.push(machine.last(3)),
    "PUT": lambda machine, argument: machine.remember(argument),
    "BINPUT": lambda machine, argument: machine.remember(argument),
    "LONG_BINPUT": lambda machine, argument: machine.remember(argument),
    "MEMOIZE": lambda machine, argument: machine.memoize(),
    "GET": lambda machine, argument: machine.recall(argument),
    "BINGET": lambda machine, argument: machine.recall(argument),
    "LONG_BINGET": lambda machine, argument: machine.recall(argument),
    "SETITEM": lambda machine, argument: machine.set_items(list(machine.last(2))),
    "SETITEMS": lambda machine, argument: machine.set_items(machine.since_mark()),
    "APPEND": lambda machine, argument: machine.append(list(machine.last(1))),
    "APPENDS": lambda machine, argument: machine.append(machine.since_mark()),
    "ADDITEMS": lambda machine, argument: machine.append(machine.since_mark()),
    "GLOBAL": _named,
    "STACK_GLOBAL": _named_on_stack,
    "REDUCE": lambda machine, argument: machine.call(),
    "NEWOBJ": lambda machine, argument: machine.call(),
    "NEWOBJ_EX": _new_with_keywords,
    "BUILD": lambda machine, argument: machine.drop(),  # an object's attributes: of no use here
    "BINPERSID": lambda machine, argument: machine.push(machine.persistent_load(machine.pop())),
}

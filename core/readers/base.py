"""What the files of an artifact tell, part by part, as JSON whose keys stand here; the model is not run."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from core.error_translation import translate
from core.errors import DoesNotLoad
from core.known_errors import match_known_error

MAX_ENTRIES = 5_000  # operations, tensors or layers that are listed of one file

Shape = list[int | None] | None  # None for a free size, and for a shape of which nothing is known
Facts = dict[str, Any]  # labels and values for a person to read


class Port(TypedDict):
    """One input or output of a signature; `tensor` is the graph's own name for it."""

    name: str
    dtype: str
    shape: Shape
    tensor: NotRequired[str]
    note: NotRequired[str]


class Signature(TypedDict):
    """One named entry point."""

    name: str
    method: str
    inputs: list[Port]
    outputs: list[Port]
    tags: NotRequired[str]


class Function(TypedDict):
    """One function of a file, with what it takes and gives in words."""

    name: str
    takes: str
    gives: str


class Signatures(TypedDict):
    """The part "signatures"."""

    signatures: list[Signature]
    functions: list[Function]
    facts: Facts


# One layer of Keras: numbers stored for it, layers that feed it; shapes are None where the config does not tell.
Layer = TypedDict(
    "Layer",
    {
        "name": str,
        "class": str,
        "module": str,
        "custom": bool,
        "input_shape": Any,
        "output_shape": Any,
        "parameters": int,
        "dtype": str,
        "trainable": bool | None,
        "after": list[str],
        "config": dict[str, Any],
    },
)


class Operation(TypedDict):
    """One operation; `graph` is the graph in which it stands, or the version of its set of operations."""

    name: str
    op: str
    graph: str
    inputs: list[str]
    outputs: list[str]
    dtype: NotRequired[str]
    shape: NotRequired[Shape]
    attributes: NotRequired[str]


class GraphTensor(TypedDict):
    """One tensor of a graph; `role` is "input", "output", "constant" or "between"."""

    name: str
    shape: Shape
    dtype: str
    role: str
    graph: NotRequired[str]
    note: NotRequired[str]


class Operators(TypedDict):
    """The part "operators": the number of each operation, then operations and tensors one by one."""

    counts: dict[str, int]
    operators: list[Operation]
    tensors: list[GraphTensor]
    facts: Facts
    by_graph: NotRequired[dict[str, dict[str, int]]]


def make_operators(operations: list[Operation], facts: Facts, tensors: Iterable[GraphTensor] = ()) -> Operators:
    """The part "operators" from all operations and tensors, of which the first `MAX_ENTRIES` are listed."""
    return {
        "counts": count_operations(operation["op"] for operation in operations),
        "operators": operations[:MAX_ENTRIES],
        "tensors": list(tensors)[:MAX_ENTRIES],
        "facts": facts | {"operations": len(operations)},
    }


def count_operations(names: Iterable[str]) -> dict[str, int]:
    """How often each operation occurs, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def drop_empty(facts: Mapping[str, Any]) -> Facts:
    """Facts without those that the file leaves out."""
    return {name: value for name, value in facts.items() if value}


def decode_text(value: Any) -> str:
    """Text of a file as it can be shown."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


WEIGHTS, OPTIMIZER, OTHER = "weights", "optimizer state", "other"
MAX_OBJECTS = 2_000  # objects of a program's object graph that are listed
# Dtypes as safetensors and OpenVINO write them.
SHORT_DTYPES = {f"{name[0]}{bits}": f"{name}{bits}" for name in ("int", "uint") for bits in (8, 16, 32, 64)}
UNREADABLE = "These files cannot be read as what their names say they are."
UNREADABLE_CURE = "They are damaged, or of another kind: save the run again, or import the file once more."
SHORT_DTYPES |= {f"f{bits}": f"float{bits}" for bits in (16, 32, 64)}


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file: `key` is its address in the file, `name` what it is called there.

    `group` is "weights", "optimizer state" or "other" (counters, vocabularies, shapes); `read` returns the array as it
    is stored; `read_dequantized`, of a quantised one, the numbers that its integers stand for, which `note` explains.
    """

    key: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    group: str
    read: Callable[[], np.ndarray]
    note: str = ""
    read_dequantized: Callable[[], np.ndarray] | None = None

    def read_values(self, dequantize: bool) -> np.ndarray:
        """The values as they are stored, or, of a quantised tensor, those that they stand for."""
        return self.read_dequantized() if dequantize and self.read_dequantized else self.read()


@dataclass(frozen=True)
class FileContents:
    """The contents of one artifact. A part is None where its files have none; `tensors` lists before it reads.

    `config` are JSON documents by name, `remarks` sentences. The last three are for the content hash (see
    `core.readers.content_hash`): `structure` is what the files say beside the values of tensors, as JSON without what
    changes from save to save; `told_files` are the files of which it and `tensors` tell all that counts; and the keys
    of the tensors are fixed where they do not change from save to save.
    """

    kind: str
    tensors: Callable[[], Iterable[StoredTensor]] | None = None
    signatures: Callable[[], Signatures] | None = None
    layers: Callable[[], list[Layer]] | None = None
    config: Callable[[], dict[str, Any]] | None = None
    operators: Callable[[], Operators] | None = None
    remarks: list[str] = field(default_factory=list)
    structure: Callable[[], Any] | None = None
    told_files: tuple[Path, ...] = ()
    has_fixed_keys: bool = True

    def list_tensors(self) -> list[StoredTensor]:
        return list(self.tensors()) if self.tensors else []


@contextlib.contextmanager
def translated_read_errors(folder: Path) -> Iterator[None]:
    """Raise any exception of the block as DoesNotLoad in plain words."""
    try:
        yield
    except DoesNotLoad:
        raise
    except Exception as error:
        translation = translate(error, DoesNotLoad, hidden_paths=[str(folder)])
        if type(translation) is DoesNotLoad and match_known_error(translation.detail) is None:
            translation = DoesNotLoad(UNREADABLE, cure=UNREADABLE_CURE, detail=translation.detail)
        raise translation from error

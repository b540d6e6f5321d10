"""What the files of an artifact tell, part by part, without the model being run."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.error_translation import translate
from core.errors import DoesNotLoad
from core.known_errors import match_known_error
from core.readers.parts import Layer, Operators, Signatures

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

    `config` are JSON documents by name, `remarks` sentences.
    """

    kind: str
    tensors: Callable[[], Iterable[StoredTensor]] | None = None
    signatures: Callable[[], Signatures] | None = None
    layers: Callable[[], list[Layer]] | None = None
    config: Callable[[], dict[str, Any]] | None = None
    operators: Callable[[], Operators] | None = None
    remarks: list[str] = field(default_factory=list)

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

"""Describe files, one tensor, diff of two copies.

What a child is asked of the files of a copy: a part of what they tell, one tensor, or how far two copies are apart.

The model is not run; where a file alone does not tell, nothing is made up.

Two copies tensor by tensor, in one child: which is which, and how far each is from its partner.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import NUMERIC_KINDS, Arrays, to_plain_array
from core.errors import InputError, UnknownName, WorkerError
from core.readers import open_contents, translate_read_errors
from core.readers.base import FileContents, StoredTensor
from core.tensors.matching import TensorIdentity, TensorMatch, apply_transposition, match_tensors, tensor_distance
from core.tensors.statistics import compute_histogram, compute_statistics, preview_tensor

Reply = tuple[dict[str, Any], Arrays | None]
Report = Callable[[dict[str, Any]], None]

PARTS = ("signatures", "layers", "config", "operators", "tensors")
MAX_TENSORS = 5_000  # tensors that are told of one copy
MAX_CHUNK_BYTES = 4 * 2**20  # bytes of a tensor in one reply, at most

_loaded_tensor: list[np.ndarray] = []


def describe_files(report: Report, arrays: Arrays, *, folder: str, part: str) -> Reply:
    """`{"kind", "parts" that there are, "remarks", "found"}`, where `found` is the part that is asked for, or None.

    Raises DoesNotLoad in plain words where the files cannot be read.
    """
    contents = open_contents(Path(folder))
    there = [name for name in PARTS if getattr(contents, name) is not None]
    facts = {"kind": contents.kind, "parts": there, "remarks": contents.remarks, "found": None}
    if part in there:
        facts["found"] = translate_read_errors(lambda: _describe_part(contents, part, report), Path(folder))
    return facts, None


def _describe_part(contents: FileContents, part: str, report: Report) -> Any:
    if part != "tensors":
        return to_jsonable(getattr(contents, part)())
    listed = list(contents.tensors())
    return {
        "of": len(listed),
        "rows": [summarize_tensor(one) for one in iterate_with_progress(listed[:MAX_TENSORS], report)],
    }


def iterate_with_progress(
    tensors: list[StoredTensor], report: Report, start: float = 0.0, span: float = 1.0
) -> Iterable[StoredTensor]:
    """Each in turn, saying before it how far one is."""
    for at, one in enumerate(tensors):
        report({"done": start + span * at / len(tensors), "note": one.name})
        yield one


def summarize_tensor(tensor: StoredTensor) -> dict[str, Any]:
    """All that is told of one tensor; the hash is of its bytes as `core.runtimes.reference.fingerprint_arrays` takes
    it."""
    found = tensor_metadata(tensor)
    try:
        values = tensor.read()
    except (ValueError, OSError, KeyError, TypeError) as error:
        return found | {"problem": str(error)[:200]}
    shown = to_plain_array(values)
    return found | {"sha256": hash_values(values), "bytes": int(values.nbytes), "statistics": compute_statistics(shown)}


def tensor_metadata(tensor: StoredTensor) -> dict[str, Any]:
    names = {
        "key": tensor.key,
        "name": tensor.name,
        "group": tensor.group,
        "note": tensor.note,
        "scaled": tensor.read_dequantized is not None,
    }
    return names | {"shape": list(tensor.shape), "dtype": tensor.dtype}


def hash_values(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def describe_tensor(report: Report, arrays: Arrays, *, folder: str, key: str, scaled: bool = False) -> Reply:
    """One tensor: `row`, a histogram, and the values of its picture (see `core.tensors.statistics`).

    With `scaled`, of a quantised one, the numbers that its integers stand for. Raises UnknownName, DoesNotLoad.
    """
    one = find_tensor(Path(folder), key)
    values = translate_read_errors(lambda: to_plain_array(read_tensor_values(one, scaled)), Path(folder))
    seen = preview_tensor(values)
    facts = summarize_tensor(one) | {"statistics": compute_statistics(values), "histogram": compute_histogram(values)}
    return facts | {"look": seen.kind, "shown": seen.description}, {"picture": seen.values}


def read_tensor_values(tensor: StoredTensor, dequantize: bool) -> np.ndarray:
    """The values as they are stored, or, of a quantised tensor, those that they stand for."""
    return tensor.read_dequantized() if dequantize and tensor.read_dequantized else tensor.read()


def find_tensor(folder: Path, key: str) -> StoredTensor:
    """The tensor at an address. Raises UnknownName, DoesNotLoad."""
    contents = open_contents(folder)
    listed = translate_read_errors(lambda: list(contents.tensors()) if contents.tensors else [], folder)
    found = next((one for one in listed if one.key == key), None)
    if found is None:
        raise UnknownName("There is no such tensor.", received=key, cure="Choose one from the list of its weights.")
    return found


def load_tensor(report: Report, arrays: Arrays, *, folder: str, key: str, scaled: bool = False) -> Reply:
    """Read one tensor and keep it for `tensor_piece`; gives `{"dtype", "shape", "bytes"}`, in C order, as `plain` makes
    it. Raises InputError for a tensor of objects."""
    one = find_tensor(Path(folder), key)
    values = translate_read_errors(
        lambda: np.asarray(to_plain_array(read_tensor_values(one, scaled)), order="C"), Path(folder)
    )
    if values.dtype.hasobject:
        raise InputError("This tensor holds objects, which no NPY file should.", cure="Choose another one.")
    _loaded_tensor[:] = [values]
    return {"dtype": values.dtype.str, "shape": list(values.shape), "bytes": int(values.nbytes)}, None


def read_tensor_chunk(report: Report, arrays: Arrays, *, start: int, count: int) -> Reply:
    """`count` bytes of the tensor that is kept, from `start` on: an array of uint8."""
    if not _loaded_tensor or count > MAX_CHUNK_BYTES:
        raise WorkerError("This process holds no such tensor.", cure="Begin again.")
    return {}, {"bytes": _loaded_tensor[-1].reshape(-1).view("uint8")[start : start + count]}


def to_jsonable(value: Any) -> Any:
    """The same in what JSON knows: text for bytes and for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(name): to_jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def diff_artifacts(
    report: Report,
    arrays: Any,
    *,
    ours: str,
    theirs: str,
    ours_names: dict[str, list[str]],
    theirs_names: dict[str, list[str]],
) -> Reply:
    """`{"pairs", "only_ours", "only_theirs"}`; `..._names` are what the run of each calls a tensor, by its hash.

    Quantised tensors are held against others by the numbers that they stand for. At most two tensors are in memory
    beside what the readers keep. Raises DoesNotLoad.
    """
    left, right = (_ArtifactTensors(Path(folder)) for folder in (ours, theirs))
    known = [left.matching_candidates(ours_names, report, 0.0), right.matching_candidates(theirs_names, report, 0.3)]
    pairs = match_tensors(*known, left.read_values, right.read_values)
    facts = [_describe_pair(one, left, right, report, at / max(len(pairs), 1)) for at, one in enumerate(pairs)]
    return {
        "pairs": facts,
        "only_ours": left.unmatched({one.left for one in pairs}),
        "only_theirs": right.unmatched({one.right for one in pairs}),
    }, None


class _ArtifactTensors:
    """The tensors of one copy."""

    def __init__(self, folder: Path):
        self._folder = folder
        contents = open_contents(folder)
        listed = translate_read_errors(lambda: list(contents.tensors()) if contents.tensors else [], folder)
        self.tensors: list[StoredTensor] = listed[:MAX_TENSORS]
        self.aliases: list[str] = []
        self._hashes: list[str] = []

    def matching_candidates(
        self, names_by_hash: dict[str, list[str]], report: Report, start: float
    ) -> list[TensorIdentity]:
        """What is known of each; of tensors with equal bits each gets the next of the names that the run has for it."""
        waiting = {key: list(found) for key, found in names_by_hash.items()}
        found = []
        for one in iterate_with_progress(self.tensors, report, start, 0.3):
            values = translate_read_errors(lambda one=one: one.read(), self._folder)
            bits = hash_values(values)
            alias = (waiting.get(bits) or [""])[0]
            waiting[bits] = waiting.get(bits, [])[1:]
            self.aliases.append(alias)
            self._hashes.append(bits)
            found.append(TensorIdentity(one.name, alias, one.shape, one.dtype, bits, one.group))
        return found

    def read_values(self, index: int) -> np.ndarray:
        return translate_read_errors(
            lambda: to_plain_array(read_tensor_values(self.tensors[index], dequantize=True)), self._folder
        )

    def describe(self, index: int) -> dict[str, Any]:
        return tensor_metadata(self.tensors[index]) | {"alias": self.aliases[index]}

    def unmatched(self, paired: set[int]) -> list[dict[str, Any]]:
        """Those without a partner; `copy_of` names a paired tensor of the same bits, which the file holds twice."""
        twice = {self._hashes[at]: self.aliases[at] or self.tensors[at].name for at in sorted(paired, reverse=True)}
        rest = [at for at in range(len(self.tensors)) if at not in paired]
        return [self.describe(at) | {"copy_of": twice.get(self._hashes[at], "")} for at in rest]


def _describe_pair(
    pair: TensorMatch, left: _ArtifactTensors, right: _ArtifactTensors, report: Report, done: float
) -> dict[str, Any]:
    report({"done": 0.6 + 0.4 * done, "note": left.tensors[pair.left].name})
    found = {
        "ours": left.describe(pair.left),
        "theirs": right.describe(pair.right),
        "by": pair.by,
        "turned": pair.transposition,
    }
    return found | {"distance": _pair_distance(pair, left, right)}


def _pair_distance(pair: TensorMatch, left: _ArtifactTensors, right: _ArtifactTensors) -> dict[str, Any] | None:
    """None where there are no numbers to be held against each other: text, or integers whose scale nobody knows."""
    ours, theirs = left.read_values(pair.left), right.read_values(pair.right)
    whole = [side.dtype.kind in "biu" for side in (ours, theirs)]
    if ours.dtype.kind not in NUMERIC_KINDS or theirs.dtype.kind not in NUMERIC_KINDS or whole[0] != whole[1]:
        same = ours.shape == theirs.shape and bool(np.array_equal(ours, theirs))
        return {"equal": True, "changed": 0, "lost": 0} if same else None
    return tensor_distance(apply_transposition(ours, pair.transposition, theirs.shape), theirs)

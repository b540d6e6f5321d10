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

from core.arrays import Arrays, plain
from core.errors import InputError, UnknownName, WorkerError
from core.readers import open_contents, plainly
from core.readers.base import Contents, Stored
from core.tensors.matching import Known, Pair, distance, pair, turn
from core.tensors.statistics import histogram, look, statistics

Reply = tuple[dict[str, Any], Arrays | None]
Report = Callable[[dict[str, Any]], None]

PARTS = ("signatures", "layers", "config", "operators", "tensors")
ROWS = 5_000  # tensors that are told of one copy
PIECE = 4 * 2**20  # bytes of a tensor in one reply, at most

_kept: list[np.ndarray] = []


def describe(report: Report, arrays: Arrays, *, folder: str, part: str) -> Reply:
    """`{"kind", "parts" that there are, "remarks", "found"}`, where `found` is the part that is asked for, or None.

    Raises DoesNotLoad in plain words where the files cannot be read.
    """
    contents = open_contents(Path(folder))
    there = [name for name in PARTS if getattr(contents, name) is not None]
    facts = {"kind": contents.kind, "parts": there, "remarks": contents.remarks, "found": None}
    if part in there:
        facts["found"] = plainly(lambda: _part(contents, part, report), Path(folder))
    return facts, None


def _part(contents: Contents, part: str, report: Report) -> Any:
    if part != "tensors":
        return jsonable(getattr(contents, part)())
    listed = list(contents.tensors())
    return {"of": len(listed), "rows": [row(one) for one in reported(listed[:ROWS], report)]}


def reported(listed: list[Stored], report: Report, start: float = 0.0, span: float = 1.0) -> Iterable[Stored]:
    """Each in turn, saying before it how far one is."""
    for at, one in enumerate(listed):
        report({"done": start + span * at / len(listed), "note": one.name})
        yield one


def row(one: Stored) -> dict[str, Any]:
    """All that is told of one tensor; the hash is of its bytes as `core.runtimes.reference.fingerprint` takes it."""
    found = listing(one)
    try:
        values = one.read()
    except (ValueError, OSError, KeyError, TypeError) as error:
        return found | {"problem": str(error)[:200]}
    shown = plain(values)
    return found | {"sha256": digest(values), "bytes": int(values.nbytes), "statistics": statistics(shown)}


def listing(one: Stored) -> dict[str, Any]:
    names = {"key": one.key, "name": one.name, "group": one.group, "note": one.note, "scaled": one.scaled is not None}
    return names | {"shape": list(one.shape), "dtype": one.dtype}


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def describe_tensor(report: Report, arrays: Arrays, *, folder: str, key: str, scaled: bool = False) -> Reply:
    """One tensor: `row`, a histogram, and the values of its picture (see `core.tensors.statistics`).

    With `scaled`, of a quantised one, the numbers that its integers stand for. Raises UnknownName, DoesNotLoad.
    """
    one = stored(Path(folder), key)
    values = plainly(lambda: plain(read(one, scaled)), Path(folder))
    seen = look(values)
    facts = row(one) | {"statistics": statistics(values), "histogram": _histogram(values)}
    return facts | {"look": seen.kind, "shown": seen.shown}, {"picture": seen.values}


def _histogram(values: np.ndarray) -> dict[str, list[float]] | None:
    return histogram(values) if values.dtype.kind in "biuf" else None


def read(one: Stored, scaled: bool) -> np.ndarray:
    """The values as they are stored, or, of a quantised tensor, those that they stand for."""
    return one.scaled() if scaled and one.scaled else one.read()


def stored(folder: Path, key: str) -> Stored:
    """The tensor at an address. Raises UnknownName, DoesNotLoad."""
    contents = open_contents(folder)
    listed = plainly(lambda: list(contents.tensors()) if contents.tensors else [], folder)
    found = next((one for one in listed if one.key == key), None)
    if found is None:
        raise UnknownName("There is no such tensor.", received=key, cure="Choose one from the list of its weights.")
    return found


def hold_tensor(report: Report, arrays: Arrays, *, folder: str, key: str, scaled: bool = False) -> Reply:
    """Read one tensor and keep it for `tensor_piece`; gives `{"dtype", "shape", "bytes"}`, in C order, as `plain` makes
    it. Raises InputError for a tensor of objects."""
    one = stored(Path(folder), key)
    values = plainly(lambda: np.asarray(plain(read(one, scaled)), order="C"), Path(folder))
    if values.dtype.hasobject:
        raise InputError("This tensor holds objects, which no NPY file should.", cure="Choose another one.")
    _kept[:] = [values]
    return {"dtype": values.dtype.str, "shape": list(values.shape), "bytes": int(values.nbytes)}, None


def tensor_piece(report: Report, arrays: Arrays, *, start: int, count: int) -> Reply:
    """`count` bytes of the tensor that is kept, from `start` on: an array of uint8."""
    if not _kept or count > PIECE:
        raise WorkerError("This process holds no such tensor.", cure="Begin again.")
    return {}, {"bytes": _kept[-1].reshape(-1).view("uint8")[start : start + count]}


def jsonable(value: Any) -> Any:
    """The same in what JSON knows: text for bytes and for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(name): jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


NUMBERS = "biuf"


def differ(
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
    left, right = (_Side(Path(folder)) for folder in (ours, theirs))
    known = [left.known(ours_names, report, 0.0), right.known(theirs_names, report, 0.3)]
    pairs = pair(*known, left.values, right.values)
    facts = [_row(one, left, right, report, at / max(len(pairs), 1)) for at, one in enumerate(pairs)]
    return {
        "pairs": facts,
        "only_ours": left.others({one.ours for one in pairs}),
        "only_theirs": right.others({one.theirs for one in pairs}),
    }, None


class _Side:
    """The tensors of one copy."""

    def __init__(self, folder: Path):
        self._folder = folder
        contents = open_contents(folder)
        listed = plainly(lambda: list(contents.tensors()) if contents.tensors else [], folder)
        self.stored: list[Stored] = listed[:ROWS]
        self.aliases: list[str] = []
        self._bits: list[str] = []

    def known(self, names: dict[str, list[str]], report: Report, start: float) -> list[Known]:
        """What is known of each; of tensors with equal bits each gets the next of the names that the run has for it."""
        waiting = {key: list(found) for key, found in names.items()}
        found = []
        for one in reported(self.stored, report, start, 0.3):
            values = plainly(lambda one=one: one.read(), self._folder)
            bits = digest(values)
            alias = (waiting.get(bits) or [""])[0]
            waiting[bits] = waiting.get(bits, [])[1:]
            self.aliases.append(alias)
            self._bits.append(bits)
            found.append(Known(one.name, alias, one.shape, one.dtype, bits, one.group))
        return found

    def values(self, at: int) -> np.ndarray:
        return plainly(lambda: plain(read(self.stored[at], scaled=True)), self._folder)

    def facts(self, at: int) -> dict[str, Any]:
        return listing(self.stored[at]) | {"alias": self.aliases[at]}

    def others(self, paired: set[int]) -> list[dict[str, Any]]:
        """Those without a partner; `copy_of` names a paired tensor of the same bits, which the file holds twice."""
        twice = {self._bits[at]: self.aliases[at] or self.stored[at].name for at in sorted(paired, reverse=True)}
        rest = [at for at in range(len(self.stored)) if at not in paired]
        return [self.facts(at) | {"copy_of": twice.get(self._bits[at], "")} for at in rest]


def _row(one: Pair, left: _Side, right: _Side, report: Report, done: float) -> dict[str, Any]:
    report({"done": 0.6 + 0.4 * done, "note": left.stored[one.ours].name})
    found = {"ours": left.facts(one.ours), "theirs": right.facts(one.theirs), "by": one.by, "turned": one.turned}
    return found | {"distance": _distance(one, left, right)}


def _distance(one: Pair, left: _Side, right: _Side) -> dict[str, Any] | None:
    """None where there are no numbers to be held against each other: text, or integers whose scale nobody knows."""
    ours, theirs = left.values(one.ours), right.values(one.theirs)
    whole = [side.dtype.kind in "biu" for side in (ours, theirs)]
    if ours.dtype.kind not in NUMBERS or theirs.dtype.kind not in NUMBERS or whole[0] != whole[1]:
        same = ours.shape == theirs.shape and bool(np.array_equal(ours, theirs))
        return {"equal": True, "changed": 0, "lost": 0} if same else None
    return distance(turn(ours, one.turned, theirs.shape), theirs)

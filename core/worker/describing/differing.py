"""Two copies tensor by tensor, in one child: which is which, and how far each is from its partner."""

from pathlib import Path
from typing import Any

import numpy as np

from core.formats.contract import plain
from core.inspection.distance import distance
from core.inspection.pairing import Known, Pair, pair, turn
from core.worker.describing.asked import ROWS, Reply, Report, digest, listing, read, reported
from core.worker.describing.contents import Stored
from core.worker.describing.opening import open_contents, plainly

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

"""Columns of the compatibility matrix (what was tried, its code and its check), and the finding that a check makes."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypedDict

from core.evidence.records import Evidence, ReloadOutcome
from core.formats.base import Format
from core.library import Run
from core.runtimes.model_settings import SettingChange
from core.runtimes.traits import Traits

# Every state of a finding with its sign: told apart by word and sign, not by colour.
STATE_SYMBOLS = {"kept": "✓", "changed": "≈", "lost": "✗", "failed": "!", "not verified": "?", "not applicable": "–"}


class FindingJson(TypedDict):
    state: str
    words: str


class Finding(NamedTuple):
    """A state, and what came back in words."""

    state: str
    words: str

    @property
    def text(self) -> str:
        return f"{STATE_SYMBOLS[self.state]} {'n/a' if self.state == 'not applicable' else self.state}"

    def to_json(self) -> FindingJson:
        return {"state": self.state, "words": self.words}


class ReloadContext(NamedTuple):
    """What a check looks at: the run, the format, the evidence, and its best outcome with everything that was tried."""

    run: Run
    format: Format
    evidence: Evidence
    outcome: ReloadOutcome

    @property
    def traits(self) -> Traits:
        return self.outcome.probes.get("traits", {})

    @property
    def changed_settings(self) -> list[SettingChange]:
        """The arguments and the behaviour that came back with other values."""
        return self.outcome.settings or []

    @property
    def is_built_from_code(self) -> bool:
        """Whether the layers came from code and not from the artifact."""
        return self.format.needs_architecture


Check = Callable[[ReloadContext], Finding]


class MatrixColumn(NamedTuple):
    """What was tried, the check of what came back, and the code that tried it (None: the format's load)."""

    key: str
    label: str
    description: str
    check: Check
    probe: Callable[..., Any] | None = None


COLUMNS: list[MatrixColumn] = []


def column(key: str, label: str, description: str, probe: Callable[..., Any] | None = None) -> Callable[[Check], Check]:
    """Make the decorated check the next column of the matrix."""

    def register(check: Check) -> Check:
        COLUMNS.append(MatrixColumn(key, label, description, check, probe))
        return check

    return register


kept, changed, lost, failed, not_verified, not_applicable = (partial(Finding, state) for state in STATE_SYMBOLS)

"""Records of runs and artifacts, the entries and queries of their list, and the ids that they go by.

Evidence has a module of its own, `core.evidence.records`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from pydantic import BaseModel, Field

from core.evidence.content_hash import ContentHash
from core.record import Record, Trust
from core.runtimes.base import ImportedSource, ModelSource
from core.versions import describe_version_changes, installed_versions

KIND_NEVER_RUN = "unrun"  # of an imported run that could not be sandboxed: its files are stored, and nothing else


class ImportRecord(TypedDict, total=False):
    """What an imported model came as (see `core.jobs.imports.import_model`)."""

    file: str  # its name
    sha256: str
    format: str
    signature: str  # that predicts
    demo: str | None  # whose code it was given
    settings: dict[str, Any] | None  # of that demo
    artifact: str  # that holds the files
    remark: str
    signatures: list[str]  # that it has
    asked: dict[str, Any]  # the recipe of its reference inputs
    shapes: dict[str, list[int]]  # that a person stated, of one row of an input
    keeps_state: bool  # what it remembers is kept from call to call
    one_row: bool  # each row is asked alone
    row_is_call: bool  # no axis of its inputs counts rows
    checks: list[dict[str, str]]


class Refusal(TypedDict):
    """Why a format did not take a run, in `refused.json`, beside what else the job that tried it said."""

    created: str
    error: dict[str, str]  # as `RoundtripError.to_json` writes it


if not TYPE_CHECKING:  # pydantic takes such a dictionary as it is; a TypedDict it refuses before Python 3.12
    ImportRecord = dict[str, Any]


class FileEntry(BaseModel):
    """One stored file: its path below the entry's folder, with forward slashes; its bytes; its hash."""

    path: str
    bytes: int
    sha256: str


class Run(Record):
    """One training of a demo, or one model that a person added or imported (`demo` is None).

    `not_finite` counts the numbers of each weight that are NaN or infinite, where any are. `weights` and `optimizer`
    are fingerprints at the end of training; `stepped` is that of the weights one step later (see
    `core.worker.tasks.probes.train_one_step`), to compare copies with. `call_rows` is how many rows it takes at once,
    None for any number; `remembers` says whether a call changes what the next one answers, None in older records, and
    `keeps_state` that this is kept from row to row for a model that a person added. `owner` is the id of the person who
    made it; None where nobody had signed in.
    """

    id: str
    name: str
    demo: str | None
    settings: dict[str, Any] | None
    kind: str
    parameters: int
    weight_bytes: int = 0
    not_finite: dict[str, int] = Field(default_factory=dict)
    summary: str
    inputs: list[dict[str, Any]]
    weights: list[dict[str, Any]]
    optimizer: list[dict[str, Any]]
    traits: dict[str, Any] = Field(default_factory=dict)
    stepped: list[dict[str, Any]] = Field(default_factory=list)
    call_rows: int | None = None
    remembers: bool | None = None
    keeps_state: bool = False
    score: float | None = None
    score_name: str = ""
    rows: dict[str, int] = Field(default_factory=dict)
    labels: list[str] = Field(default_factory=list)
    image_shape: tuple[int, int] | None = None
    seconds: float = 0.0
    versions: dict[str, str] = Field(default_factory=installed_versions)
    files: list[FileEntry] = Field(default_factory=list)
    trust: Trust = "ours"
    brought: ImportRecord = Field(default_factory=ImportRecord)
    owner: str | None = None

    @property
    def has_been_run(self) -> bool:
        """Whether it ever predicted: an imported file may have been stored and not run."""
        return self.kind != KIND_NEVER_RUN

    @property
    def warning(self) -> str:
        """That numbers were lost before anything was saved, or cannot be, in a sentence; empty when none were."""
        counts = ", ".join(f"{name} ({count:,})" for name, count in self.not_finite.items())
        lost = f"Its weights were NaN or infinite before it was saved: {counts}." if counts else ""
        return f"{lost} {self.unheld_warning}".strip()

    @property
    def unheld_warning(self) -> str:
        """Which variables its answers come from that Keras does not find in it, in a sentence; empty when none."""
        if not (names := self.traits.get("unheld")):
            return ""
        return (
            f"Its answers come from {len(names)} variables that Keras does not find in it, and only a graph keeps: "
            f"{', '.join(names[:8])}{' …' if len(names) > 8 else ''}. Make each layer an attribute of the model, or an "
            "item of a plain list, and each number of its own an add_weight()."
        )

    @property
    def is_asked_as_sequence(self) -> bool:
        """Whether its rows are one sequence, in which what it remembers is kept."""
        return self.keeps_state or bool(self.brought.get("keeps_state"))

    @property
    def code_source(self) -> ModelSource:
        """Where the model's code comes from; of an imported model, what its files are."""
        source: ModelSource = {"demo": self.demo, "settings": self.settings}
        if self.keeps_state:
            source["keeps_state"] = True
        if self.brought:
            imported = {key: self.brought.get(key) for key in ImportedSource.__annotations__}
            source["brought"] = cast(ImportedSource, imported)
        return source

    def tensor_names_by_hash(self) -> dict[str, list[str]]:
        """What it calls its tensors, by the hash of their bits, in its own order."""
        names: dict[str, list[str]] = {}
        for tensor in (*self.weights, *self.optimizer):
            names.setdefault(tensor["sha256"], []).append(tensor["name"])
        return names


class Artifact(Record):
    """One saved copy: which run, which format, and every file of it. `made_from` is the artifact whose files it was
    converted from, where it was not saved from the live model; `remark` is what the converter had to do otherwise than
    asked; `content` says which other copies say the same in other bytes, None in older records and where nothing here
    reads the files; `owner` is as for a run."""

    id: str
    run: str
    format: str
    seconds: float
    options: dict[str, Any] = Field(default_factory=dict)
    trust: Trust = "ours"
    made_from: str | None = None
    remark: str = ""
    content: ContentHash | None = None
    owner: str | None = None
    versions: dict[str, str] = Field(default_factory=installed_versions)
    files: list[FileEntry] = Field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)

    @property
    def version_changes(self) -> str:
        """Which libraries were others when it was saved, in a sentence; empty when none were."""
        return describe_version_changes(self.versions)


# Where the code that a copy lacks comes from, beside the ids of architecture artifacts.
BUILT_IN_SOURCES = ("none", "demo", "snapshot")
FOLDER_BY_KIND = {"r": "runs", "a": "artifacts"}  # by the first letter of an id
SORT_ORDERS = ("created", "bytes", "name", "format", "demo", "verdict")
UNREADABLE = "unreadable"  # among the verdicts of a query: entries that have a problem


class Entry(NamedTuple):
    """An artifact as lists show it. `problem` says why it cannot be read; then little else is known.

    `note` is the beginning of its note, in one line; `owner` the id of its owner, None where it has none; `content` its
    content hash, None where it has none.
    """

    id: str
    run: str | None = None
    run_name: str | None = None
    demo: str | None = None
    format: str | None = None
    created: str | None = None
    bytes: int | None = None
    verdict: str | None = None
    needs_code: bool | None = None
    problem: str | None = None
    trust: str | None = None
    made_from: str | None = None
    pinned: bool = False
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""
    owner: str | None = None
    shared: bool = False
    content: str | None = None


class IndexedEntry(NamedTuple):
    """An entry with what it is found by: its whole note, the SHA-256 of each of its files and of its content, and the
    id of the only person who sees it (see `core.library.permissions`).

    Where the disk refused for now, it is not final, and is read again at the next scan.
    """

    entry: Entry
    note: str = ""
    hashes: tuple[str, ...] = ()
    is_final: bool = True
    sole_viewer: str = ""


@dataclass(frozen=True)
class Query:
    """Which artifacts, in which order, which page of them (the first is 1).

    Each word of `search` is looked for in ids, run names, demos, formats, tags, aliases and notes, or is the beginning
    of a file's SHA-256, six digits at least. Any of `demos` ("" for those of no demo), `formats`, `verdicts`
    (`UNREADABLE` too) and `ids` will do; all of `tags` must be there. `viewer_id` is the person who signed in; None
    sees all.
    """

    search: str = ""
    demos: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    trust: str = ""
    pinned: bool | None = None
    alias: bool | None = None
    run: str = ""
    ids: tuple[str, ...] = ()
    owner_filter: str = ""  # "mine" or "others", where somebody signed in
    viewer_id: str | None = None
    sort: str = "created"
    descending: bool = True
    page: int = 1
    size: int | None = 50


class Page(NamedTuple):
    """One page of entries, how many there are on all pages, and their bytes.

    Where too many match a search to count them all, `has_more` is True and `bytes` is None.
    """

    entries: list[Entry]
    total: int
    bytes: int | None
    has_more: bool = False

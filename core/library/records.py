"""The records that lie beside the files: a run, and an artifact of it. Evidence has its own room."""

from typing import Any

from pydantic import BaseModel, Field

from core.record import Record, Trust, other_versions, versions

# The kind of a run whose files were brought in where they could not be run: they were kept, and nothing else.
UNRUN = "unrun"
# What a process is told of a model from outside (see `core.worker.snapshot.code_from`).
SOURCE = ("format", "signature", "demo", "settings")


class FileEntry(BaseModel):
    """One kept file: its path below the entry's folder, with forward slashes; its size; its hash."""

    path: str
    bytes: int
    sha256: str


class Run(Record):
    """One training of a demo, or one model that a person added (`demo` is None).

    `not_finite` counts the numbers of each weight that are NaN or infinite, where any are.
    `weights` and `optimizer` are fingerprints at the end of training; `stepped` is that of the weights one more step
    later (see `core.worker.probes.one_step`), for copies to be held against. `brought` says of a model from outside as
    what it came: the "file", its "sha256" and "format", the "signature" that answers, the "demo" (with "settings")
    whose code it was given, and the "artifact" that holds its files (see `core.work.importing`). `owner` is the id of
    the person who made it; None where nobody had signed in.
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
    score: float | None = None
    score_name: str = ""
    rows: dict[str, int] = Field(default_factory=dict)
    labels: list[str] = Field(default_factory=list)
    image_shape: tuple[int, int] | None = None
    seconds: float = 0.0
    versions: dict[str, str] = Field(default_factory=versions)
    files: list[FileEntry] = Field(default_factory=list)
    trust: Trust = "ours"
    brought: dict[str, Any] = Field(default_factory=dict)
    owner: str | None = None

    @property
    def was_run(self) -> bool:
        """Whether it ever answered: a file from outside may have been kept and not run."""
        return self.kind != UNRUN

    @property
    def warning(self) -> str:
        """That numbers were lost before anything was saved, in a sentence; empty when none were."""
        counts = ", ".join(f"{name} ({count:,})" for name, count in self.not_finite.items())
        return f"Its weights were NaN or infinite before it was saved: {counts}." if counts else ""

    @property
    def source(self) -> dict[str, Any]:
        """Where the model's code comes from, for whoever rebuilds it; of a model from outside, what its files are."""
        code = {"demo": self.demo, "settings": self.settings}
        return code | {"brought": {key: self.brought.get(key) for key in SOURCE}} if self.brought else code


class Artifact(Record):
    """One saved copy: which run, which format, and every file of it. `made_from` is the artifact whose files it was
    converted from, where it was not saved from the live model; `owner` is as for a run."""

    id: str
    run: str
    format: str
    seconds: float
    options: dict[str, Any] = Field(default_factory=dict)
    trust: Trust = "ours"
    made_from: str | None = None
    owner: str | None = None
    versions: dict[str, str] = Field(default_factory=versions)
    files: list[FileEntry] = Field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)

    @property
    def other_versions(self) -> str:
        """Which libraries were others when it was saved, in a sentence; empty when none were."""
        return other_versions(self.versions)

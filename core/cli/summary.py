"""What `show` prints of a run or an artifact for a person: what tells it from others, and what came back of it.

The whole record, with every hash and setting, is in `--json`.
"""

from collections.abc import Iterator
from typing import Any

from core.cli.console import print_result, print_text
from core.formats import label_format
from core.inputs.fitting import describe_axes
from core.library import Artifact, Run
from core.library.annotation_files import Annotations
from core.text.labels import pluralize
from core.text.numbers import format_count, format_duration, format_score, format_size

Fact = tuple[str, str]
COPY_COLUMNS = ("artifact", "format", "bytes", "verdict", "losses", "created")


def print_facts(facts: Iterator[Fact]) -> None:
    """Print names and values in two columns, without those that are empty."""
    rows = [(name, value) for name, value in facts if value]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print_text(f"{name:<{width}}  {value}")


def print_copies(rows: list[dict[str, Any]]) -> None:
    """Print the saved copies of a run as a table."""
    if rows:
        print_text()
        print_result(rows, False, COPY_COLUMNS)


def describe_run(run: Run, notes: Annotations, aliases: list[str]) -> Iterator[Fact]:
    """Yield what a person wants to know of a run, by name."""
    yield "run", run.id
    yield "name", notes.name or run.name
    yield "comes from", f"the demo {run.demo}" if run.demo else _origin(run)
    yield "model", f"{run.kind}, {format_count(run.parameters)} parameters" if run.has_been_run else "never run"
    if run.score is not None:
        yield run.score_name, f"{format_score(run.score_name, run.score)} on test examples"
    yield "settings", ", ".join(f"{name} {value}" for name, value in (run.settings or {}).items())
    for spec in run.inputs:
        yield "takes", f"{spec['name']}: {describe_axes(spec['shape'])}, {spec['dtype']}"
    yield "created", run.created + (f", in {format_duration(run.seconds)}" if run.seconds else "")
    yield from _describe_marks(notes, aliases)


def _origin(run: Run) -> str:
    return f"{run.brought.get('file', 'a file')}, imported" if run.brought else "a program"


def describe_artifact(artifact: Artifact, verdict: str, notes: Annotations, aliases: list[str]) -> Iterator[Fact]:
    """Yield what a person wants to know of an artifact, by name; `verdict` is that of its reload."""
    yield "artifact", artifact.id
    yield "format", f"{artifact.format}: {label_format(artifact.format)}"
    yield "run", artifact.run
    yield "trust", "imported" if artifact.trust != "ours" else ""
    yield "size", f"{format_size(artifact.bytes)} in {pluralize(len(artifact.files), 'file')}"
    yield "verdict", verdict
    yield "options", ", ".join(f"{name} {value}" for name, value in artifact.options.items())
    yield "made from", artifact.made_from or ""
    yield "remark", artifact.remark
    yield "created", f"{artifact.created}, in {format_duration(artifact.seconds)}"
    yield "versions", artifact.version_changes
    yield "content hash", artifact.content.sha256 if artifact.content else ""
    yield from _describe_marks(notes, aliases)


def _describe_marks(notes: Annotations, aliases: list[str]) -> Iterator[Fact]:
    yield "aliases", ", ".join(aliases)
    yield "tags", ", ".join(notes.tags)
    yield "pinned", "yes" if notes.pinned else ""
    yield "note", " ".join(notes.note.split())

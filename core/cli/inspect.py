"""Commands that look into artifacts without running them: inspect, diff."""

import json
from typing import Annotated, Any, TypedDict

import typer

from core.cli.console import (
    AsJson,
    Id,
    RunId,
    Strings,
    TableRow,
    exit_on_failures,
    exit_with,
    open_job_store,
    open_jobs,
    open_library,
    parse_id,
    print_result,
    print_text,
)
from core.compatibility.matrix import (
    NOT_ASKED,
    MatrixRow,
    build_matrix,
    list_environments_asked,
    summarize_row,
    to_csv,
    to_markdown,
)
from core.errors import FormatError, InputError
from core.introspection.describe import PartDescription, TensorSummary, describe_part
from core.introspection.diff import ArtifactDiff, TensorPair, diff_artifacts
from core.readers.base import Layer, Signatures
from core.size_breakdown.breakdown import break_down_sizes
from core.text.labels import format_shape, mark_imported

app = typer.Typer(rich_markup_mode=None)
PARTS = ("signatures", "layers", "tensors", "operators", "config")
TENSOR_COLUMNS = ("name", "shape", "dtype", "min", "max", "mean", "std", "zeros", "nan", "inf", "of the run", "note")
LAYER_COLUMNS = ("name", "class", "output_shape", "parameters", "trainable")
PAIR_COLUMNS = ("A", "B", "largest", "relative", "values", "paired by", "turned")
MAX_CELL_LENGTH = 48  # characters of one cell


@app.command()
def inspect(
    artifact: Id,
    part: Annotated[Strings, typer.Option(help=f"Only this: {', '.join(PARTS)} (repeatable). Default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look into an artifact without running it: signatures, layers, weights, operations, config."""
    if unknown := set(part or ()) - set(PARTS):
        raise InputError("There is no such part.", received=unknown.pop(), cure=f"Choose from {', '.join(PARTS)}.")
    parts: dict[str, PartDescription] = {}
    problems = []  # of parts that cannot be read: printed at the end, and none stops those after it
    with open_jobs() as jobs:
        record = jobs.library.artifact(artifact)
        for name in part or PARTS:
            try:
                parts[name] = describe_part(jobs, artifact, name)
            except FormatError as error:
                problems.append((name, error.to_json()))
    files = [file.model_dump() for file in record.files]
    if as_json:
        facts = {"artifact": artifact, "trust": record.trust, "files": files}
        print_result(facts | {name: _part_json(name, description) for name, description in parts.items()}, True)
    else:
        print_text(mark_imported(artifact, record))
        print_result(files, False, ("path", "bytes", "sha256"))
        for name, description in parts.items():
            _print_part(name, description)
    exit_on_failures(problems)


def _part_json(name: str, description: PartDescription) -> Any:
    content = description.content
    if name != "tensors" or not content:
        return content
    return {"of": content["of"], "rows": [tensor.model_dump() for tensor in description.tensors]}


def _print_part(name: str, description: PartDescription) -> None:
    content = description.content
    print_text(f"\n{name.upper()}" + (" (no such part in these files)" if content is None else ""))
    if content is None:
        return
    if name == "tensors":
        print_result([_tensor_cells(tensor) for tensor in description.tensors], False, TENSOR_COLUMNS)
    elif name == "layers":
        print_result([format_layer_row(layer) for layer in content], False, LAYER_COLUMNS)
    elif name == "signatures":
        _print_signatures(content)
    elif name == "operators":
        rows = [{"operation": operation, "times": times} for operation, times in content["counts"].items()]
        print_result(rows, False, ("operation", "times"))
    else:
        print_text(json.dumps(content, indent=2))


def _tensor_cells(tensor: TensorSummary) -> TableRow:
    return tensor.statistics.model_dump() | {
        "name": _truncate(tensor.name),
        "shape": format_shape(tensor.shape),
        "dtype": tensor.dtype,
        "note": _truncate(tensor.problem or tensor.note),
        "of the run": _truncate(tensor.alias),
    }


def format_layer_row(layer: Layer) -> Layer:
    """A layer as a row of the table, its output shape in words where it is one, or not known."""
    shape = layer["output_shape"]
    is_single = shape is None or not any(isinstance(axis, list) for axis in shape)
    return {**layer, "output_shape": format_shape(shape) if is_single else json.dumps(shape)}


def _print_signatures(part: Signatures) -> None:
    for name, value in part["facts"].items():
        print_text(f"{name}: {value}")
    for signature in part["signatures"]:
        print_text(f"signature {signature['name']} {signature['method']}".rstrip())
        for side in ("inputs", "outputs"):
            for port in signature[side]:
                shape = format_shape(port["shape"])
                print_text(f"  {side[:-1]} {port['name']}: {port['dtype']} {shape} ({port['tensor']})")
    for function in part["functions"]:
        print_text(f"function {function['name']}: {function['takes']} -> {function['gives']}")


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_CELL_LENGTH else text[: MAX_CELL_LENGTH - 1] + "…"


@app.command()
def diff(
    a: Annotated[
        str, typer.Argument(metavar="A", parser=parse_id, help="An id, as `roundtrip list` prints them, or an alias.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", parser=parse_id, help="The one that it is compared with.")],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with status 1 if anything in the copies differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two artifacts: records, files, signatures, layers, config, and every weight."""
    with open_jobs() as jobs:
        result = diff_artifacts(jobs, a, b)
        names = [mark_imported(id_, jobs.library.artifact(id_)) for id_ in (a, b)]
    if as_json:
        print_result({"a": a, "b": b, **_diff_json(result)}, True)
    else:
        print_text(f"A is {names[0]}, B is {names[1]}")
        _print_diff(result)
    exit_with(exit_code and result.has_differences)


class DiffJson(TypedDict):
    """An `ArtifactDiff` in `--json`, of each pair also whether both are the "same"."""

    differ: bool
    problems: dict[str, str]
    changes: dict[str, list[dict[str, Any]]]
    tensors: dict[str, Any]
    content: dict[str, Any]


def _diff_json(result: ArtifactDiff) -> DiffJson:
    pairs = [pair.model_dump() | {"same": pair.is_identical} for pair in result.tensors.pairs]
    content = result.content.model_dump() | {"sentence": result.content.sentence}
    return {
        "differ": result.has_differences,
        "problems": result.problems,
        "changes": {part: [change._asdict() for change in changes] for part, changes in result.changes.items()},
        "tensors": result.tensors.model_dump() | {"pairs": pairs},
        "content": content,
    }


def _print_diff(result: ArtifactDiff) -> None:
    print_text(result.content.sentence or "What both say is not compared: a record has no content hash.")
    for part, changes in result.changes.items():
        count = f"{len(changes)} differ" if changes else "the same"
        print_text(f"\n{part.upper()}: {result.problems.get(part) or count}")
        if changes:
            rows = [{"place": change.path, "A": _value(change.left), "B": _value(change.right)} for change in changes]
            print_result(rows, False, ("place", "A", "B"))
    differing = [pair for pair in result.tensors.pairs if not pair.is_identical]
    counts = f"{len(result.tensors.pairs) - len(differing)} the same to the last bit, {len(differing)} not"
    print_text(f"\nWEIGHTS: {result.problems.get('tensors') or counts}")
    for sentence in result.tensors.count_sentences:
        print_text(sentence)
    if differing:
        print_result([_pair_cells(pair) for pair in differing], False, PAIR_COLUMNS)
    for side, tensors in (("A", result.tensors.only_ours), ("B", result.tensors.only_theirs)):
        for tensor in tensors:
            where = f"a second time in {side}" if tensor.copy_of else f"only in {side}"
            copy_of = f" = {tensor.copy_of}" if tensor.copy_of else ""
            print_text(f"{where}: {tensor.display_name}{copy_of} {format_shape(tensor.shape)} {tensor.dtype}")


def _value(value: Any) -> str:
    return "–" if value is None else _truncate(value if isinstance(value, str) else json.dumps(value))


def _pair_cells(pair: TensorPair) -> TableRow:
    distance = pair.distance
    return {
        "A": _truncate(pair.ours.display_name),
        "B": _truncate(pair.theirs.display_name),
        "largest": distance and distance.max_abs,
        "relative": distance and distance.relative,
        "values": distance and distance.changed,
        "paired by": pair.by,
        "turned": pair.turned or "no",
    }


@app.command()
def matrix(
    run: RunId,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print every property in words, as Markdown.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every property in words, as CSV.")] = False,
) -> None:
    """Show what each saved copy of a run has kept, changed and lost."""
    from core.jobs.elsewhere_answers import find_answers  # takes longer to import than the other commands here need

    library = open_library()
    rows = build_matrix(library, run, find_answers(open_job_store(library), run))
    if as_json:
        print_result([row.to_json() for row in rows], True)
    elif as_csv or as_markdown:
        print_text(to_csv(rows) if as_csv else to_markdown(rows))
    else:
        _print_matrix(rows)


def _print_matrix(rows: list[MatrixRow]) -> None:
    """A line for each copy, narrow enough for a terminal: its answers here and elsewhere, and what it lost."""
    environments = list_environments_asked(rows)
    lines = [
        {"format": row.name, "artifact": row.artifact, "answers": row.cells["answers"].text}
        | {label: row.elsewhere.get(key, NOT_ASKED).text for key, label in environments.items()}
        | {"what came back": summarize_row(row)}
        for row in rows
    ]
    print_result(lines, False, ("format", "artifact", "answers", *environments.values(), "what came back"))


@app.command("bytes")
def bytes_(artifact: Id, as_json: AsJson = False) -> None:
    """Show where the bytes of an artifact go: weights, optimizer state, graph, padding; they add up to its size."""
    library = open_library()
    parts, notes = break_down_sizes(library, artifact)
    rows = [{"artifact": artifact, **part._asdict()} for part in parts]
    if as_json:
        total = library.artifact(artifact).bytes
        print_result({"artifact": artifact, "bytes": total, "parts": rows, "notes": notes}, True)
        return
    print_result(rows, False, ("bytes", "group", "name", "where"))
    print_text("\n".join(notes))

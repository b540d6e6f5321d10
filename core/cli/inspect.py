"""Commands that look into what is kept: inspect, diff."""

import json
from typing import Annotated, Any

import typer

from core.cli.console import AsJson, exit_on_failures, open_jobs, parse_id, print_result, print_text
from core.errors import FormatError, InputError
from core.introspection.describe import PartDescription, TensorSummary, describe_part
from core.introspection.diff import ArtifactDiff, TensorPair, diff_artifacts, format_shape
from core.jobs import Jobs
from core.tensors.json_diff import JsonChange
from core.text.labels import mark_imported

app = typer.Typer()
PARTS = ("signatures", "layers", "tensors", "operators", "config")
TENSOR_COLUMNS = ("name", "shape", "dtype", "min", "max", "mean", "std", "zeros", "nan", "inf", "of the run", "note")
MAX_CELL_LENGTH = 48  # letters of one cell


@app.command()
def inspect(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", parser=parse_id)],
    part: Annotated[
        list[str] | None, typer.Option(help=f"Only this: {', '.join(PARTS)} (repeatable). Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look into an artifact without running it: signatures, layers, weights, operations, config."""
    if strange := set(part or []) - set(PARTS):
        raise InputError("There is no such part.", received=strange.pop(), cure=f"Choose from {', '.join(PARTS)}.")
    with open_jobs() as jobs:
        found, problems = _read_parts(jobs, artifact, part or list(PARTS))
        record = jobs.library.artifact(artifact)
    files = [one.model_dump() for one in record.files]
    if as_json:
        parts = {name: _part_json(one) for name, one in found.items()}
        print_result({"artifact": artifact, "trust": record.trust, "files": files, **parts}, True)
    else:
        print_text(mark_imported(artifact, record))
        print_result(files, False, ("path", "bytes", "sha256"))
        for name, one in found.items():
            _print_part(name, one)
    exit_on_failures(problems)


def _read_parts(
    jobs: Jobs, artifact: str, parts: list[str]
) -> tuple[dict[str, PartDescription], list[tuple[str, dict]]]:
    """What was found by part; a part that cannot be read is told at the end, and stops none after it."""
    found, problems = {}, []
    for name in parts:
        try:
            found[name] = describe_part(jobs, artifact, name)
        except FormatError as error:
            problems.append((name, error.to_json()))
    return found, problems


def _part_json(description: PartDescription) -> Any:
    return (
        {"of": description.found["of"], "rows": [row.model_dump() for row in description.tensors]}
        if description.tensors
        else description.found
    )


def _print_part(name: str, description: PartDescription) -> None:
    print_text(f"\n{name.upper()}" + (" (no such part in these files)" if description.found is None else ""))
    if description.found is None:
        return
    if name == "tensors":
        print_result([_tensor_row(row) for row in description.tensors], False, TENSOR_COLUMNS)
    elif name == "layers":
        print_result(
            [_layer_row(row) for row in description.found],
            False,
            ("name", "class", "output_shape", "parameters", "trainable"),
        )
    elif name == "signatures":
        _print_signatures(description.found)
    elif name == "operators":
        print_result(
            [{"operation": key, "times": value} for key, value in description.found["counts"].items()],
            False,
            OPERATION_COLUMNS,
        )
    else:
        print_text(json.dumps(description.found, indent=2))


OPERATION_COLUMNS = ("operation", "times")


def _tensor_row(row: TensorSummary) -> dict[str, Any]:
    facts = {
        "name": _truncate(row.name),
        "shape": format_shape(row.shape),
        "dtype": row.dtype,
        "note": _truncate(row.problem or row.note),
    }
    return row.statistics.model_dump() | facts | {"of the run": _truncate(row.alias)}


def _layer_row(row: dict[str, Any]) -> dict[str, Any]:
    shape = row["output_shape"]
    return row | {"output_shape": format_shape(shape) if _is_shape(shape) else json.dumps(shape)}


def _is_shape(shape: Any) -> bool:
    return shape is not None and all(not isinstance(one, list) for one in shape)


def _print_signatures(signatures: dict[str, Any]) -> None:
    for name, value in signatures["facts"].items():
        print_text(f"{name}: {value}")
    for one in signatures["signatures"]:
        print_text(f"signature {one['name']} {one['method']}".rstrip())
        for side in ("inputs", "outputs"):
            for port in one[side]:
                print_text(
                    f"  {side[:-1]} {port['name']}: {port['dtype']} {format_shape(port['shape'])} ({port['tensor']})"
                )
    for one in signatures["functions"]:
        print_text(f"function {one['name']}: {one['takes']} -> {one['gives']}")


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_CELL_LENGTH else text[: MAX_CELL_LENGTH - 1] + "…"


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", parser=parse_id)],
    b: Annotated[str, typer.Argument(metavar="B", parser=parse_id)],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="The status is 1 where anything in the copies differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold two artifacts against each other: records, files, signatures, layers, config, and every weight."""
    with open_jobs() as jobs:
        found = diff_artifacts(jobs, a, b)
        names = [mark_imported(id_, jobs.library.artifact(id_)) for id_ in (a, b)]
    if as_json:
        print_result(_diff_json(a, b, found), True)
    else:
        print_text(f"A is {names[0]}, B is {names[1]}")
        _print_diff(found)
    if exit_code and found.has_differences:
        raise typer.Exit(1)


def _diff_json(a: str, b: str, result: ArtifactDiff) -> dict[str, Any]:
    places = {name: [one._asdict() for one in listed] for name, listed in result.changes.items()}
    tensors = result.tensors.model_dump()
    tensors["pairs"] = [
        one | {"same": pair.is_identical} for one, pair in zip(tensors["pairs"], result.tensors.pairs, strict=True)
    ]
    return {
        "a": a,
        "b": b,
        "differ": result.has_differences,
        "problems": result.problems,
        "changes": places,
        "tensors": tensors,
    }


def _print_diff(result: ArtifactDiff) -> None:
    for name, listed in result.changes.items():
        print_text(f"\n{name.upper()}: {result.problems.get(name) or _count_text(len(listed))}")
        print_result([_change_row(one) for one in listed], False, ("place", "A", "B")) if listed else None
    away = [_pair_row(one) for one in result.tensors.pairs if not one.is_identical]
    same = len(result.tensors.pairs) - len(away)
    print_text(f"\nWEIGHTS: {result.problems.get('tensors') or f'{same} the same to the last bit, {len(away)} not'}")
    if away:
        print_result(away, False, ("A", "B", "largest", "relative", "values", "paired by", "turned"))
    for side, rest in (("A", result.tensors.only_ours), ("B", result.tensors.only_theirs)):
        for one in rest:
            print_text(f"only in {side}: {one.display_name} {format_shape(one.shape)} {one.dtype}")


def _count_text(places: int) -> str:
    return f"{places} differ" if places else "the same"


def _change_row(change: JsonChange) -> dict[str, Any]:
    return {"place": change.path, "A": _truncate(_value_text(change.ours)), "B": _truncate(_value_text(change.theirs))}


def _value_text(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _pair_row(pair: TensorPair) -> dict[str, Any]:
    away = pair.distance
    numbers = {"largest": away.max_abs, "relative": away.relative, "values": away.changed} if away else {}
    names = {"A": _truncate(pair.ours.display_name), "B": _truncate(pair.theirs.display_name)}
    return names | numbers | {"paired by": pair.by, "turned": pair.turned or "no"}

"""Commands that look into what is kept: inspect, diff."""

import json
from typing import Annotated, Any

import typer

from core.cli.console import AsJson, as_id, complain, open_jobs, say, show
from core.errors import FormatError, InputError
from core.introspection.describe import Described, TensorRow, describe
from core.introspection.diff import Difference, TensorPair, compare_all, sizes
from core.jobs import Jobs
from core.tensors.json_diff import Change
from core.text.labels import marked

app = typer.Typer()
PARTS = ("signatures", "layers", "tensors", "operators", "config")
TENSOR = ("name", "shape", "dtype", "min", "max", "mean", "std", "zeros", "nan", "inf", "of the run", "note")
WIDE = 48  # letters of one cell


@app.command()
def inspect(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", parser=as_id)],
    part: Annotated[
        list[str] | None, typer.Option(help=f"Only this: {', '.join(PARTS)} (repeatable). Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look into an artifact without running it: signatures, layers, weights, operations, config."""
    if strange := set(part or []) - set(PARTS):
        raise InputError("There is no such part.", received=strange.pop(), cure=f"Choose from {', '.join(PARTS)}.")
    with open_jobs() as jobs:
        found, problems = _parts(jobs, artifact, part or list(PARTS))
        record = jobs.library.artifact(artifact)
    files = [one.model_dump() for one in record.files]
    if as_json:
        parts = {name: _json(one) for name, one in found.items()}
        show({"artifact": artifact, "trust": record.trust, "files": files, **parts}, True)
    else:
        say(marked(artifact, record))
        show(files, False, ("path", "bytes", "sha256"))
        for name, one in found.items():
            _print(name, one)
    complain(problems)


def _parts(jobs: Jobs, artifact: str, parts: list[str]) -> tuple[dict[str, Described], list[tuple[str, dict]]]:
    """What was found by part; a part that cannot be read is told at the end, and stops none after it."""
    found, problems = {}, []
    for name in parts:
        try:
            found[name] = describe(jobs, artifact, name)
        except FormatError as error:
            problems.append((name, error.to_json()))
    return found, problems


def _json(one: Described) -> Any:
    return {"of": one.found["of"], "rows": [row.model_dump() for row in one.tensors]} if one.tensors else one.found


def _print(name: str, one: Described) -> None:
    say(f"\n{name.upper()}" + (" (no such part in these files)" if one.found is None else ""))
    if one.found is None:
        return
    if name == "tensors":
        show([_tensor(row) for row in one.tensors], False, TENSOR)
    elif name == "layers":
        show([_layer(row) for row in one.found], False, ("name", "class", "output_shape", "parameters", "trainable"))
    elif name == "signatures":
        _signatures(one.found)
    elif name == "operators":
        show([{"operation": key, "times": value} for key, value in one.found["counts"].items()], False, OPERATOR)
    else:
        say(json.dumps(one.found, indent=2))


OPERATOR = ("operation", "times")


def _tensor(row: TensorRow) -> dict[str, Any]:
    facts = {
        "name": _cut(row.name),
        "shape": sizes(row.shape),
        "dtype": row.dtype,
        "note": _cut(row.problem or row.note),
    }
    return row.statistics.model_dump() | facts | {"of the run": _cut(row.alias)}


def _layer(row: dict[str, Any]) -> dict[str, Any]:
    shape = row["output_shape"]
    return row | {"output_shape": sizes(shape) if _is_shape(shape) else json.dumps(shape)}


def _is_shape(shape: Any) -> bool:
    return shape is not None and all(not isinstance(one, list) for one in shape)


def _signatures(found: dict[str, Any]) -> None:
    for name, value in found["facts"].items():
        say(f"{name}: {value}")
    for one in found["signatures"]:
        say(f"signature {one['name']} {one['method']}".rstrip())
        for side in ("inputs", "outputs"):
            for port in one[side]:
                say(f"  {side[:-1]} {port['name']}: {port['dtype']} {sizes(port['shape'])} ({port['tensor']})")
    for one in found["functions"]:
        say(f"function {one['name']}: {one['takes']} -> {one['gives']}")


def _cut(text: str) -> str:
    return text if len(text) <= WIDE else text[: WIDE - 1] + "…"


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", parser=as_id)],
    b: Annotated[str, typer.Argument(metavar="B", parser=as_id)],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="The status is 1 where anything in the copies differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold two artifacts against each other: records, files, signatures, layers, config, and every weight."""
    with open_jobs() as jobs:
        found = compare_all(jobs, a, b)
        names = [marked(id_, jobs.library.artifact(id_)) for id_ in (a, b)]
    if as_json:
        show(_as_json(a, b, found), True)
    else:
        say(f"A is {names[0]}, B is {names[1]}")
        _tables(found)
    if exit_code and found.differ:
        raise typer.Exit(1)


def _as_json(a: str, b: str, found: Difference) -> dict[str, Any]:
    places = {name: [one._asdict() for one in listed] for name, listed in found.changes.items()}
    tensors = found.tensors.model_dump()
    tensors["pairs"] = [
        one | {"same": pair.same} for one, pair in zip(tensors["pairs"], found.tensors.pairs, strict=True)
    ]
    return {"a": a, "b": b, "differ": found.differ, "problems": found.problems, "changes": places, "tensors": tensors}


def _tables(found: Difference) -> None:
    for name, listed in found.changes.items():
        say(f"\n{name.upper()}: {found.problems.get(name) or _count(len(listed))}")
        show([_change(one) for one in listed], False, ("place", "A", "B")) if listed else None
    away = [_pair(one) for one in found.tensors.pairs if not one.same]
    same = len(found.tensors.pairs) - len(away)
    say(f"\nWEIGHTS: {found.problems.get('tensors') or f'{same} the same to the last bit, {len(away)} not'}")
    if away:
        show(away, False, ("A", "B", "largest", "relative", "values", "paired by", "turned"))
    for side, rest in (("A", found.tensors.only_ours), ("B", found.tensors.only_theirs)):
        for one in rest:
            say(f"only in {side}: {one.called} {sizes(one.shape)} {one.dtype}")


def _count(places: int) -> str:
    return f"{places} differ" if places else "the same"


def _change(one: Change) -> dict[str, Any]:
    return {"place": one.path, "A": _cut(_said(one.ours)), "B": _cut(_said(one.theirs))}


def _said(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _pair(one: TensorPair) -> dict[str, Any]:
    away = one.distance
    numbers = {"largest": away.max_abs, "relative": away.relative, "values": away.changed} if away else {}
    names = {"A": _cut(one.ours.called), "B": _cut(one.theirs.called)}
    return names | numbers | {"paired by": one.by, "turned": one.turned or "no"}

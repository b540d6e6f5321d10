"""Commands: ask copies of a run in other environments, and build or remove those."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    RunId,
    Strings,
    TableRow,
    exit_on_failures,
    exit_with,
    open_jobs,
    print_result,
    print_text,
    wait_for_job,
)
from core.compare import Verdict
from core.compatibility.machines import MachineVerdict, describe_machines_asked
from core.environments import get_environment
from core.environments.judge import describe_lock
from core.environments.machines import MACHINES, WORKER, get_machine, join_keys
from core.environments.own import HERE
from core.errors import InputError
from core.jobs import Jobs
from core.jobs.elsewhere import read_outcome
from core.text.labels import pluralize
from core.text.numbers import format_duration, format_size
from core.text.verdicts import verdict_label

app = typer.Typer(rich_markup_mode=None)
COLUMNS = ("artifact", "format", "here", "environment", "there", "seconds", "cause")
ENVIRONMENT_COLUMNS = ("environment", "label", "takes", "size", "built")


class Action(StrEnum):
    """What is done with environments."""

    LIST = "list"
    BUILD = "build"
    REMOVE = "remove"


@app.command()
def elsewhere(
    run: RunId,
    environments: Annotated[
        Strings,
        typer.Option(
            "--in",
            metavar="ENV",
            help="One of `roundtrip environments`, built first where it is not; by default all built.",
        ),
    ] = None,
    machines: Annotated[
        Strings,
        typer.Option(
            "--on",
            metavar="MACHINE",
            help="Ask there: a kind of machine, or a worker of the team. Without --in Roundtrip itself is asked.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a run's copies in other runtimes and releases, and compare their answers with the model's."""
    with open_jobs() as jobs:
        keys = _list_keys(jobs, environments, machines)
        if not keys:
            cure = "Name one (--in), or build some: roundtrip environments build."
            raise InputError("No environment is built.", cure=cure)
        result = wait_for_job(jobs, jobs.ask_elsewhere(run, keys)).result
    outcomes = [read_outcome(cell) for row in result["rows"].values() for cell in row["cells"].values()]
    print_result(result if as_json else _table(result), as_json, COLUMNS)
    if not as_json:
        _print_sentences(result)
    failures = [(key, built["error"]) for key, built in result["environments"].items() if "error" in built]
    failures += [(id_, row["error"]) for id_, row in result["rows"].items() if row["error"]]
    if unverified := sum(outcome.is_unverified for outcome in outcomes):
        print_text(f"{unverified:,} of {pluralize(len(outcomes), 'answer')} not verified.", to_stderr=True)
    exit_on_failures(failures)
    exit_with(any(outcome.is_unlike for outcome in outcomes))


def _list_keys(jobs: Jobs, environments: Strings, machines: Strings) -> list[str]:
    """What is asked: of each machine the environments that are named, else Roundtrip itself."""
    if machines:
        return [join_keys(name, _parse_machine(text)) for text in machines for name in environments or [HERE]]
    return environments or [state["environment"] for state in jobs.list_environments() if state["bytes"]]


def _parse_machine(text: str) -> str:
    """Return the key of a machine; a name that is no kind of machine is that of a worker."""
    is_key = text.startswith(WORKER) or any(text == machine.key for machine in MACHINES)
    return get_machine(text if is_key else WORKER + text).key


def _print_sentences(result: dict[str, Any]) -> None:
    """Say under which packages each environment answered, and how the answers of several machines differ."""
    rows = {id_: {key: read_outcome(cell) for key, cell in row["cells"].items()} for id_, row in result["rows"].items()}
    for key, lock in dict.fromkeys((key, each.lock) for outcomes in rows.values() for key, each in outcomes.items()):
        if words := describe_lock(key, lock):
            print_text(f"{key}: {words}")
    for id_, outcomes in rows.items():
        if words := describe_machines_asked(outcomes, MachineVerdict(HERE, Verdict(result["rows"][id_]["here"]))):
            print_text(f"{id_}: {words}")


def _table(result: dict[str, Any]) -> list[TableRow]:
    return [
        {
            "artifact": id_,
            "format": row["format"],
            "here": Verdict(row["here"]).label,
            "environment": key,
            "there": verdict_label(cell["verdict"], cell["changed_rows"], cell["rows"], cell["error"]),
            "seconds": f"{cell['total_seconds']:.3g}",
            "cause": read_outcome(cell).cause or None,
        }
        for id_, row in result["rows"].items()
        for key, cell in row["cells"].items()
    ]


@app.command()
def environments(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    names: Annotated[Strings, typer.Argument(metavar="ENV", help="Environments; all where none is named.")] = None,
    as_json: AsJson = False,
) -> None:
    """List, build or remove the environments in which copies can be asked elsewhere."""
    with open_jobs() as jobs:
        keys = names or [state["environment"] for state in jobs.list_environments()]
        if action is Action.REMOVE:
            freed = jobs.remove_environments(keys)
            rows = [{"environment": key, "size": format_size(size)} for key, size in freed.items()]
            print_result(freed if as_json else rows, as_json, ("environment", "size"))
        elif action is Action.BUILD:
            _print_built(wait_for_job(jobs, jobs.build_environments(keys)).result["environments"], as_json)
        else:
            wanted = {get_environment(key).key for key in keys}
            states = [state for state in jobs.list_environments() if state["environment"] in wanted]
            print_result(
                states if as_json else [_environment_row(dict(state)) for state in states], as_json, ENVIRONMENT_COLUMNS
            )


def _print_built(built: dict[str, dict[str, Any]], as_json: bool) -> None:
    rows = [
        {"environment": key, "size": format_size(row["bytes"]), "built in": format_duration(row["seconds"])}
        for key, row in built.items()
        if "error" not in row
    ]
    print_result(built if as_json else rows, as_json, ("environment", "size", "built in"))
    exit_on_failures((key, row["error"]) for key, row in built.items() if "error" in row)


def _environment_row(state: dict[str, Any]) -> TableRow:
    size = format_size(state["bytes"] or state["megabytes"] * 10**6)
    return state | {"takes": ", ".join(state["takes"]), "size": size, "built": "yes" if state["bytes"] else "no"}

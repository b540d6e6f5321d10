"""Commands of a team's workers: be one, list them, have one end."""

import platform
from enum import StrEnum
from typing import Annotated

import typer

from core.cli.console import AsJson, exit_with, print_result, print_text
from core.errors import InputError
from core.settings import get_settings

app = typer.Typer(rich_markup_mode=None)


class WorkerQueues(StrEnum):
    """Which jobs a worker takes: the values of `core.queue.Queues`, whose package other commands need not import."""

    ALL = "all"
    CLICK = "click"
    BULK = "bulk"


@app.command()
def worker(
    name: Annotated[str, typer.Option(help="What it is called; by default as this machine.")] = "",
    concurrency: Annotated[
        int, typer.Option(min=0, max=64, help="Jobs side by side; by default as ROUNDTRIP_PARALLEL, and two at least.")
    ] = 0,
    queues: Annotated[
        WorkerQueues, typer.Option(help="All jobs, only what a person waits for, or only what is done in bulk.")
    ] = WorkerQueues.ALL,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="[ADDRESS:]PORT",
            help="Serve its metrics for Prometheus there; without an address only this machine reaches them.",
        ),
    ] = "",
) -> None:
    """Do jobs of a team on this machine. Ctrl-C lets those that it does end; a second one gives them back."""
    from core.jobs.execution.node import run_node

    run_node(get_settings(), name or platform.node() or "worker", concurrency, queues.value, metrics)


@app.command()
def workers(
    drain: Annotated[str, typer.Option(metavar="ID", help="Have this one end after the jobs that it does.")] = "",
    stop: Annotated[str, typer.Option(metavar="ID", help="Have this one end now, and give its jobs back.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the workers of a team, with what each does; exit with status 1 where none is at work."""
    from core.context import AppContext
    from core.jobs.execution.workers import ask_worker, list_workers

    context = AppContext()
    if drain and stop:
        raise InputError("It takes either --drain or --stop.", received=f"{drain} {stop}", cure="Give one.")
    if id_ := drain or stop:
        ask_worker(context, id_, "drain" if drain else "stop")
        print_text(f"{id_} was told; it hears it within seconds.", to_stderr=True)
    rows = list_workers(context)
    print_result(rows, as_json, ("id", "state", "jobs", "load", "since", "system", "version"))
    exit_with(not any(row["state"] != "gone" for row in rows))

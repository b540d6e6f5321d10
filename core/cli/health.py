"""Commands that say how the library and this machine do, and put the library in order."""

from typing import Annotated

import typer

from core.cli.console import AsJson, open_library, parse_id, print_result, print_text, progress_line
from core.errors import InputError
from core.health import EntryVerification, rebuild_catalog, repair_library, run_diagnostics
from core.health import verify_entries as verify_all
from core.settings import get_settings
from core.worker import Worker

app = typer.Typer()


@app.command()
def verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", parser=parse_id)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything in the library.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold every file against the hash that was kept with it, and read every record."""
    library = open_library()
    if not ids and not all_:
        raise InputError("Nothing was named to verify.", cure="Give ids, or --all.")
    with progress_line() as told:
        rows = verify_all(library, None if all_ else ids, told)
    print_result([_verification_row(row) for row in rows], as_json, ("id", "state", "sentence"))
    if not all(row.is_intact for row in rows):
        raise typer.Exit(1)


def _verification_row(row: EntryVerification) -> dict[str, object]:
    return {"id": row.id, "state": row.state, "sentence": row.sentence or row.remark, "bytes": row.bytes}


@app.command("rebuild")
def rebuild_(as_json: AsJson = False) -> None:
    """Make the catalog anew from the folders; the status is 1 where it had said something else."""
    made = rebuild_catalog(open_library())
    if as_json:
        print_result(made._asdict(), True)
    else:
        print_text(f"{made.before:,} artifacts were listed before, and {made.after:,} are now.")
        print_text("\n".join(made.differences) or "The catalog said the same before.")
    if made.differences:
        raise typer.Exit(1)


@app.command("repair")
def repair_(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print_text what would be done.")] = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Move what cannot be read into the folder quarantine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put the library in order after a crash; the status is 1 where something is left that it could not mend."""
    done = repair_library(open_library(), quarantine, dry_run)
    if as_json:
        print_result([one._asdict() for one in done], True)
    else:
        print_text("\n".join(one.sentence for one in done) or "Everything is in order.")
    if any(one.state != "done" for one in done):
        raise typer.Exit(1)


@app.command("doctor")
def doctor_(
    quick: Annotated[bool, typer.Option("--quick", help="Do not start TensorFlow to see how long that takes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how this machine and the library do: versions, disk, catalog, settings, worker; status 1 if one is wrong."""
    config = get_settings()
    worker = None if quick else Worker(config)
    try:
        checks = run_diagnostics(open_library(), config, worker)
    finally:
        if worker:
            worker.close()
    print_result([check._asdict() for check in checks], as_json, ("state", "about", "name", "sentence"))
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(1)

"""Commands that say how the library and this machine do, and put the library in order."""

from typing import Annotated

import typer

from core.cli.console import AsJson, exit_with, open_library, parse_id, print_result, print_text, progress_line
from core.errors import InputError
from core.health import rebuild_catalog, repair_library, run_diagnostics, verify_entries
from core.settings import get_settings
from core.worker import Worker

app = typer.Typer(rich_markup_mode=None)


@app.command()
def verify(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", parser=parse_id, help="Ids, as `roundtrip list` prints them, or aliases."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything in the library.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify every file against the hash that was kept with it, and read every record."""
    library = open_library()
    if not ids and not all_:
        raise InputError("Nothing was named to verify.", cure="Give ids, or --all.")
    with progress_line() as update:
        entries = verify_entries(library, None if all_ else ids, update)
    rows = [
        {"id": entry.id, "state": entry.state, "sentence": entry.sentence or entry.remark, "bytes": entry.bytes}
        for entry in entries
    ]
    print_result(rows, as_json, ("id", "state", "sentence"))
    exit_with(not all(entry.is_intact for entry in entries))


@app.command("rebuild")
def rebuild_(as_json: AsJson = False) -> None:
    """Rebuild the catalog from the folders; exit with status 1 if it was wrong."""
    result = rebuild_catalog(open_library())
    if as_json:
        print_result(result._asdict(), True)
    else:
        print_text(f"{result.before:,} artifacts were listed before, and {result.after:,} are now.")
        print_text("\n".join(result.differences) or "The catalog said the same before.")
    exit_with(bool(result.differences))


@app.command("repair")
def repair_(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Move what cannot be read into the folder quarantine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Repair the library after a crash; exit with status 1 if something could not be repaired."""
    repairs = repair_library(open_library(), quarantine, dry_run)
    if as_json:
        print_result([repair._asdict() for repair in repairs], True)
    else:
        print_text("\n".join(repair.sentence for repair in repairs) or "Everything is in order.")
    exit_with(any(repair.state != "done" for repair in repairs))


@app.command("doctor")
def doctor_(
    quick: Annotated[bool, typer.Option("--quick", help="Do not start TensorFlow to see how long that takes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check this machine and the library: versions, disk, catalog, settings, worker; exit with status 1 on a fault."""
    config = get_settings()
    worker = None if quick else Worker(config)
    try:
        checks = run_diagnostics(open_library(), config, worker)
    finally:
        if worker:
            worker.close()
    print_result([check._asdict() for check in checks], as_json, ("state", "about", "name", "sentence"))
    exit_with(any(check.state == "wrong" for check in checks))

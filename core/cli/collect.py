"""Command that deletes what is not used any more from the store of a team."""

from datetime import timedelta
from typing import Annotated

import typer

from core.cli.console import AsJson, parse_whole_number, print_result, print_text, progress_line
from core.errors import InputError
from core.object_store import open_object_store
from core.object_store.collection import Collection, Collector
from core.settings import MAX_DAYS, get_settings
from core.text.labels import pluralize
from core.text.numbers import format_size

app = typer.Typer(rich_markup_mode=None)


@app.command()
def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="DAYS", help="What was seen to be unused so many days ago or earlier.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete contents of a team's store that no entry has listed for ROUNDTRIP_UNUSED_DAYS (7); servers do it daily.

    It deletes what was noted as unused so many days ago and still is, and notes what else is unused now.
    """
    config = get_settings()
    if not config.is_team:
        cure = "Set ROUNDTRIP_DATABASE_URL and ROUNDTRIP_STORE_URL; a library in a folder has nothing to collect."
        raise InputError("Contents are collected in the store of a team, and none is set.", cure=cure)
    days = parse_whole_number("older-than", older_than)
    if days is None and not config.unused_days:
        raise InputError("Contents are never collected by themselves here.", cure="Give --older-than DAYS.")
    if days is not None and abs(days) > MAX_DAYS:
        raise InputError("The option --older-than takes no such number.", received=days, cure=f"Give 1 to {MAX_DAYS}.")
    wait = timedelta(days=config.unused_days if days is None else days)
    with progress_line() as update:
        collector = Collector(open_object_store(config.store_url), wait, update)
        if not dry_run:
            _require_no_earlier_workers(config.database_url)
        collection = collector.preview() if dry_run else collector.collect()
    if as_json:
        print_result(collection._asdict(), True)
    else:
        _print_collection(collection)


def _require_no_earlier_workers(database_url: str) -> None:
    from core.jobs.execution.workers import require_no_earlier_workers  # which other commands need not import
    from core.queue import QueueDatabase

    require_no_earlier_workers(QueueDatabase(database_url))


def _print_collection(done: Collection) -> None:
    deleted = "deleted" if done.is_done else "would be deleted now"
    is_one = done.listed == 1
    noted = f"{'is' if is_one else 'are'} noted as unused now" if done.is_done else "would be noted as unused"
    print_text(f"{_count(done.deleted, done.deleted_bytes)} {deleted}.")
    print_text(f"{_count(done.listed, done.listed_bytes)} {noted}, and can be deleted after {done.days:g} days.")
    if done.waiting:
        verbs = "was noted before, and waits" if done.waiting == 1 else "were noted before, and wait"
        print_text(f"{_count(done.waiting, done.waiting_bytes)} {verbs}.")


def _count(number: int, size: int) -> str:
    return f"{pluralize(number, 'unused file', 'unused files')}, {format_size(size)},"

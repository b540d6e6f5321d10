"""The table of an upgrade as one file: HTML for people, JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.compare import to_jsonable
from core.environments.judge import describe_lock
from core.errors import InputError
from core.jobs.upgrades.upgrade import UpgradeResult, read_rows
from core.library import storage
from core.record import now
from core.upgrade.rows import Status, UpgradeRow, exit_status, summarize_upgrade

UPGRADE_REPORT_SCHEMA = 1
UPGRADE_REPORT_KINDS = ("html", "json")
TONES = {
    Status.ALIKE: "same",
    Status.CHANGED: "some",
    Status.DOES_NOT_LOAD: "other",
}


def upgrade_report_kind(path: Path) -> str:
    """Return the kind of report for a file's ending. Raises InputError for any other ending."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in UPGRADE_REPORT_KINDS:
        cure = "Give the file one of these endings."
        raise InputError("The report of an upgrade is an .html or a .json file.", received=path.name, cure=cure)
    return kind


def write_upgrade_report(result: UpgradeResult, path: Path, tolerance: float | None = None) -> None:
    """Write the report of an upgrade atomically, its kind by the file's ending; replaces an earlier file.

    Raises InputError, StorageFailed.
    """
    kind = upgrade_report_kind(path)
    text = render_upgrade_html(result) if kind == "html" else render_upgrade_json(result, tolerance)
    with storage.translate_disk_errors():
        storage.write_text_atomically(path.expanduser(), text)


def render_upgrade_json(result: UpgradeResult, tolerance: float | None = None) -> str:
    """Return everything as JSON; keys are fixed within one schema."""
    rows = read_rows(result["rows"])
    facts: Mapping[str, Any] = {
        "schema": UPGRADE_REPORT_SCHEMA,
        "kind": "upgrade",
        "written": now(),
        "headline": summarize_upgrade(rows),
        "exit_status": exit_status(rows, tolerance),
        **result,
    }
    return json.dumps(to_jsonable(facts), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def render_upgrade_html(result: UpgradeResult) -> str:
    """Return the page as text; it has no script, and loads nothing."""
    from markupsafe import Markup

    # Jinja and Plotly take half a second to import, for which no other command should wait.
    from core.report.html import read_template, template_environment

    rows = read_rows(result["rows"])
    return (
        template_environment()
        .get_template("upgrade.html")
        .render(
            title=f"{result['source_label']} → {result['target_label']}",
            headline=summarize_upgrade(rows),
            result=result,
            rows=rows,
            tones={row.name: TONES.get(row.status, "none") for row in rows},
            versions=_versions(rows),
            locks=_describe_locks(result),
            written=now(),
            policy="default-src 'none'; style-src 'unsafe-inline'",
            style=Markup(read_template("report.css")),
        )
    )


def _versions(rows: list[UpgradeRow]) -> dict[str, list[str]]:
    """Return the packages that answered before and after, as the rows say."""
    return {
        "Before": sorted({_name_versions(row.expected_by) for row in rows if row.expected_by}),
        "After": sorted({_name_versions(row.outcome.versions) for row in rows if row.outcome and row.outcome.versions}),
    }


def _describe_locks(result: UpgradeResult) -> dict[str, str]:
    """Return sentences on the packages of what answered before and after; empty for older records."""
    before, after = result.get("source_lock", ""), result.get("target_lock", "")
    return {
        "Before": describe_lock(result["source"], before) if before else "",
        "After": describe_lock(result["target"], after) if after else "",
    }


def _name_versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items() if number)

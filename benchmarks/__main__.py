"""`python -m benchmarks`: measure, and print one table. A missed target is printed and fails nothing."""

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.measure import Row

# Module and function of each benchmark; each is imported when it runs, without the imports of the others.
BENCHMARKS = {
    "reload": "benchmarks.reload:measure",
    "sandbox": "benchmarks.sandbox:measure",
    "commit": "benchmarks.commit:measure",
    "conversions": "benchmarks.conversions:measure",
    "cancel": "benchmarks.cancel:measure",
    "rows": "benchmarks.comparing:measure_rows",
    "rows-memory": "benchmarks.comparing:measure_memory",
    "drawing": "benchmarks.drawing:measure",
    "in-browser": "benchmarks.in_browser:measure",
    "tour": "benchmarks.touring:measure",
    "numbers": "benchmarks.numbers:measure",
    "home": "benchmarks.server:measure_home",
    "memory": "benchmarks.server:measure_memory",
    "library": "benchmarks.server:measure_library",
    "pages": "benchmarks.keeping:measure_pages",
    "rebuild": "benchmarks.keeping:measure_rebuild",
    "registry": "benchmarks.keeping:measure_registry",
    "sessions": "benchmarks.sessions:measure",
    "download": "benchmarks.downloading:measure",
    "upload": "benchmarks.uploading:measure",
    "earlier": "benchmarks.earlier:measure",
    "reruns": "benchmarks.rerunning:measure",
    "command": "benchmarks.commands:measure",
    "large-comparison": "benchmarks.large_comparison:measure",
    "import": "benchmarks.importing:measure",
    "large-model": "benchmarks.large_model:measure",
    "help": "benchmarks.startup:measure_help",
    "imports": "benchmarks.startup:measure_imports",
    "environments-warm": "benchmarks.environments:measure_warm",
    "environments-build": "benchmarks.environments:measure_build",
    "upgrade": "benchmarks.upgrading:measure",
    "sweep": "benchmarks.sweeping:measure",
    "postgresql": "benchmarks.postgresql:measure",
    "queue": "benchmarks.queue:measure",
    "team": "benchmarks.team:measure",
    "object-store": "benchmarks.object_store:measure",
    "bad-inputs": "benchmarks.trust:measure_inputs",
    "faults": "benchmarks.trust:measure_faults",
    "oracle": "benchmarks.oracle:measure",
}
HEADER = ("what", "ours: median (least–most)", "beside it", "result", "must reach", "")


def main() -> int:
    """Run the chosen benchmarks; returns 0 unless one of them raised an error."""
    options = _options()
    rows: dict[str, list[Row]] = {}
    for name in options.only or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            rows[name] = _benchmark(name)()
            print(_table(rows[name]), file=sys.stderr, flush=True)  # of a run that is stopped these stay
        except Exception:  # noqa: BLE001  the other benchmarks still run
            traceback.print_exc()
    print(_table([row for results in rows.values() for row in results]))
    if options.json:
        result = {name: [row.to_json() for row in results] for name, results in rows.items()}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0 if len(rows) == len(options.only or BENCHMARKS) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Our speeds beside what you would use.")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="measure this one (can be repeated)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured value here")
    return parser.parse_args()


def _benchmark(name: str) -> Callable[[], list[Row]]:
    module, function = BENCHMARKS[name].split(":")
    return getattr(import_module(module), function)


def _table(rows: list[Row]) -> str:
    lines = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    ruled = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in ruled
    )


def _cells(row: Row) -> tuple[str, ...]:
    beside = f"{row.beside.text(row.unit)}: {row.against}" if row.beside else ""
    label = f"{row.what} ({row.note})" if row.note else row.what
    return label, row.ours.text(row.unit), beside, row.value_text, row.target_text, row.met_text


if __name__ == "__main__":
    sys.exit(main())

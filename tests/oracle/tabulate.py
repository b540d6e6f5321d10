"""`python -m tests.oracle.tabulate [MODEL ...] [--formats KEY ...]`: save models in every format, or in some, and note
what is not as the rule says; the rows of other formats stay.

What it writes is what was found, and is to be read: where the product is wrong, the product is to be corrected.
"""

import argparse
import json
import tempfile
import warnings
from pathlib import Path

from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.oracle.expectations import FOUND, classify, default_expectation, format_keys
from tests.oracle.models import MODELS, save_model
from tests.oracle.product import Said, SharedChild


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.tabulate")
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--formats", nargs="+", metavar="KEY")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}
    with tempfile.TemporaryDirectory(prefix="roundtrip-oracle-") as home:
        worker = Worker(Settings(home=Path(home)))
        shared = SharedChild(worker)
        for name in options.models or MODELS:
            print(name, flush=True)
            keys = [key for key in format_keys(name) if key in (options.formats or format_keys(name))]
            note(table, name, save_model(Library(Path(home)), shared, name, keys).said)
        shared.close()
        worker.close()
    write(table)


def note(table: dict[str, dict[str, str]], name: str, said: dict[str, Said]) -> None:
    """Put into the table what is not as the rule of its format says."""
    found = {key: classify(key, each) for key, each in said.items()}
    others = {key: is_ for key, is_ in table.pop(name, {}).items() if key not in found}
    kept = others | {key: is_ for key, is_ in found.items() if is_ != default_expectation(key)}
    if kept:
        table[name] = {key: kept[key] for key in sorted(kept)}


def write(table: dict[str, dict[str, str]]) -> None:
    FOUND.write_text(json.dumps(table, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

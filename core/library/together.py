"""Entries that belong together (what was brought in is a run and its copy): all of them are kept or none, whatever is
killed when.

One rename is whole or absent, two are not. So what is about to be renamed is written down first; whoever later clears
away the staging of a process that is gone, ends what it had begun.
"""

import contextlib
import json
import os
from pathlib import Path

from core.library import files
from core.library.entries import ID, KINDS
from core.undoing import if_stopped

INTENT = "together.json"  # in the staging folder: its folders, by the id under which each is kept


def place(home: Path, id_: str) -> Path:
    """Where an entry lies."""
    return home / KINDS[id_[0]] / id_


def move(home: Path, staged: dict[str, Path]) -> None:
    """Rename staged folders, all in one folder of staging, to where the entries of these ids lie.

    Raises OSError, and then none of them is there.
    """
    intent = next(iter(staged.values())).parent / INTENT
    files.write_text(intent, json.dumps({id_: folder.name for id_, folder in staged.items()}))
    files.flush(intent.parent)
    with if_stopped(lambda: _undo(home, staged, intent)):
        for id_, folder in staged.items():
            files.move(folder, place(home, id_))


def _undo(home: Path, staged: dict[str, Path], intent: Path) -> None:
    """Where the disk does not even take this, the intent stays, and with it what is to be ended."""
    with contextlib.suppress(OSError):
        for id_, folder in staged.items():
            if not folder.exists() and place(home, id_).exists():
                os.rename(place(home, id_), folder)
        intent.unlink()


def clear(folder: Path, home: Path) -> None:
    """End what was begun in a folder of staging that nobody uses any more, then delete it. Raises OSError."""
    begun = {id_: folder / name for id_, name in _read(folder / INTENT).items()}
    if all(one.is_dir() or place(home, id_).is_dir() for id_, one in begun.items()):
        for id_, one in begun.items():
            with contextlib.suppress(FileNotFoundError):  # moved already, or by somebody else just now
                files.move(one, place(home, id_))
    files.discard(folder)


def _read(intent: Path) -> dict[str, str]:
    try:
        found = json.loads(intent.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    names = found.items() if isinstance(found, dict) else ()
    return {id_: name for id_, name in names if ID.fullmatch(id_) and id_[0] in KINDS and name == Path(name).name}

"""The commit that makes an entry appear whole or not at all."""

import contextlib
import json
import os
from pathlib import Path

from core.errors import cleanup_on_error
from core.library import storage
from core.library.ids import ID_PATTERN
from core.library.records import FOLDER_BY_KIND
from core.library.storage import delete_folder, entry_folder

INTENT_FILE = "together.json"  # in a staging folder: its folders, by the id of the entry that each becomes


def commit_atomically(home: Path, staged: dict[str, Path]) -> None:
    """Rename staged folders, by id and all in one staging folder, to the folders of their entries.

    Raises OSError, with none of them renamed.
    """
    intent = next(iter(staged.values())).parent / INTENT_FILE
    storage.write_text_atomically(intent, json.dumps({id_: folder.name for id_, folder in staged.items()}))
    storage.fsync_path(intent.parent)
    with cleanup_on_error(lambda: _roll_back(home, staged, intent)):
        for id_, folder in staged.items():
            storage.rename_durably(folder, entry_folder(home, id_))


def _roll_back(home: Path, staged: dict[str, Path], intent: Path) -> None:
    """Where the disk does not even take this, the intent stays, and with it what is to be ended."""
    with contextlib.suppress(OSError):
        for id_, folder in staged.items():
            if not folder.exists() and entry_folder(home, id_).exists():
                os.rename(entry_folder(home, id_), folder)
        intent.unlink()


def recover_staging(folder: Path, home: Path) -> None:
    """End the commit that was begun in an abandoned staging folder, then delete it. Raises OSError."""
    staged = {id_: folder / name for id_, name in _read_intent(folder / INTENT_FILE).items()}
    if all(source.is_dir() or entry_folder(home, id_).is_dir() for id_, source in staged.items()):
        for id_, source in staged.items():
            with contextlib.suppress(FileNotFoundError):  # moved already, or by another process just now
                storage.rename_durably(source, entry_folder(home, id_))
    delete_folder(folder)


def _read_intent(intent: Path) -> dict[str, str]:
    try:
        document = json.loads(intent.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    names = document.items() if isinstance(document, dict) else ()
    return {
        id_: name
        for id_, name in names
        if ID_PATTERN.fullmatch(id_) and id_[0] in FOLDER_BY_KIND and name == Path(name).name
    }

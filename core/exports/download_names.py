"""Names of downloaded files: by demo, format and date, such as `digits-mlp-keras-2026-11-30.keras`."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from core.library import Artifact, Library, Run

MAX_NAME_LENGTH = 60  # characters of a run's name in a file's


def name_of_run(run: Run) -> str:
    """The key of the run's demo, else the letters and digits of its name."""
    plain = unicodedata.normalize("NFKD", run.demo or run.name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:MAX_NAME_LENGTH].strip("-") or "model"


def name_of_artifact(library: Library, id_: str) -> str:
    """Demo, format and the day on which the copy was saved (UTC). Raises UnknownName."""
    artifact = library.artifact(id_)
    return f"{name_of_run(library.run(artifact.run))}-{artifact.format}-{_day(artifact)}"


def name_folders(library: Library, ids: Iterable[str]) -> dict[str, str]:
    """A folder's name for each artifact, by its id; equal ones are numbered, the oldest first: "-2"."""
    seen: Counter[str] = Counter()
    folders = {}
    for id_ in sorted(ids, key=lambda id_: library.artifact(id_).created):
        name = name_of_artifact(library, id_)
        seen[name] += 1
        folders[id_] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return folders


def name_of_file(library: Library, id_: str, file_name: str) -> str:
    """The artifact's name with all endings of one of its files: some loaders insist on `.weights.h5`."""
    stem, dot, endings = file_name.partition(".")
    return f"{name_of_artifact(library, id_)}{dot}{endings}" if endings else f"{name_of_artifact(library, id_)}-{stem}"


def name_of_zip(library: Library, ids: Iterable[str]) -> str:
    """Of one artifact its name; of several how many there are and the day of the newest."""
    ids = list(ids)
    if len(ids) == 1:
        return f"{name_of_artifact(library, ids[0])}.zip"
    return f"roundtrip-{len(ids)}-artifacts-{max(_day(library.artifact(id_)) for id_ in ids)}.zip"


def _day(artifact: Artifact) -> str:
    return artifact.created[:10]

"""Step 2: four objects and a suitcase; what a format cannot hold, by this run's own matrix, falls out."""

import re
from pathlib import Path
from typing import TypedDict

from core.compatibility.matrix import MatrixRow, build_matrix
from core.formats import get_format
from core.text.numbers import format_size
from ui.browser_component import BUTTON, PICTURE, load_component
from ui.components import PART_MEANINGS
from ui.session import current_jobs
from ui.tour.story import SUITCASES, Tour

_SUITCASE = load_component(Path(__file__).parent, "suitcase", BUTTON, PICTURE)

# The four objects by the column of the matrix that says what became of each: its name and its meaning.
OBJECTS = {
    "architecture": ("Architecture", PART_MEANINGS["architecture"]),
    "weights": ("Weights", PART_MEANINGS["weights"]),
    "optimizer": ("Optimizer state", PART_MEANINGS["optimizer state"]),
    "code": ("Your own code", "The Python that makes the model. No file holds it; some can be opened without it."),
}
NOT_NEEDED = "Not needed: it opens without your code."
NOT_USABLE = "In the file, and nothing there can train with it."
OBJECT_WORDS = {
    "kept": "Came back.",
    "changed": "Came back changed.",
    "lost": "Lost.",
    "not verified": "Not verified.",
    "not applicable": "Does not apply.",
}


class Part(TypedDict):
    state: str
    words: str


class Suitcase(TypedDict):
    """One format: `parts` say by object whether the copy kept, changed or lost it, cannot use it, or says nothing."""

    key: str
    name: str
    size: str
    parts: dict[str, Part]


def show_suitcase(tour: Tour) -> None:
    """Show the suitcase component for the copies that are saved."""
    if not tour.run:
        return
    library = current_jobs().library
    rows = {row.format: row for row in build_matrix(library, tour.run.id)}
    suitcases = [
        make_suitcase(rows[key], library.artifact(id_).bytes)
        for key, id_ in tour.copies.items()
        if key in SUITCASES and key in rows
    ]
    if suitcases:
        objects = [{"key": key, "name": name, "meaning": meaning} for key, (name, meaning) in OBJECTS.items()]
        _SUITCASE(key="suitcase", data={"objects": objects, "suitcases": suitcases})


def make_suitcase(row: MatrixRow, size: int) -> Suitcase:
    """Return a format's suitcase, with what the row of the matrix says of each object."""
    parts = {key: _make_part(row, key) for key in OBJECTS}
    return {"key": row.format, "name": get_format(row.format).label, "size": format_size(size), "parts": parts}


def _make_part(row: MatrixRow, key: str) -> Part:
    state, words = row.cells[key]
    if key == "code" and state == "kept":
        return {"state": state, "words": NOT_NEEDED}
    if key == "optimizer" and state == "kept" and row.cells["trainable"].state == "lost":
        return {"state": "unusable", "words": NOT_USABLE}
    state = "lost" if state == "failed" else state
    return {"state": state, "words": shorten_finding(words) or OBJECT_WORDS[state]}


def shorten_finding(words: str) -> str:
    """Return the first statement of a finding: what came back, without the names of what did not."""
    first = re.split(r"[;.](?: |$)", words, maxsplit=1)[0]
    return f"{first}." if first else ""

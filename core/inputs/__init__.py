"""Input sets: whatever a person asks of models (held-out rows, a drawing, typed values, a file, random numbers) becomes
one thing that is kept on disk, and that a comparison names by its id."""

from pathlib import Path

from core.inputs.input_set import InputSet
from core.inputs.signature import boxes_of, row_of, specs_of
from core.inputs.store import Inputs
from core.library import Library
from core.settings import Settings

__all__ = ["InputSet", "Inputs", "boxes_of", "from_file", "row_of", "specs_of"]


def from_file(library: Library, path: Path | str, id_: str, config: Settings | None = None) -> InputSet:
    """The inputs in a file, for a run or an artifact (`id_`): what `compare --inputs FILE` asks.

    Raises InputError when the file is missing or does not fit, UnknownName for an unknown id.
    """
    run = library.run(library.artifact(id_).run if id_.startswith("a") else id_)
    return Inputs(library.home, config).file(Path(path).expanduser(), specs_of(library, id_), run.image_shape)

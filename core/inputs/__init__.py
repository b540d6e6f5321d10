"""Input sets: rows for models to predict (test examples, a drawing, typed values, a file, random numbers), stored on
disk, which a comparison names by their id."""

from pathlib import Path

from core.inputs.form_fields import form_fields, input_specs, row_from_values
from core.inputs.input_set import InputSet
from core.inputs.store import Inputs
from core.library import Library
from core.settings import Settings

__all__ = ["InputSet", "Inputs", "add_inputs_from_file", "form_fields", "input_specs", "row_from_values"]


def add_inputs_from_file(library: Library, path: Path | str, id_: str, config: Settings | None = None) -> InputSet:
    """Store the inputs in a file for a run or an artifact (`id_`), as `compare --inputs FILE` does.

    Raises InputError when the file is missing or does not fit, UnknownName for an unknown id.
    """
    run = library.run(library.artifact(id_).run if id_.startswith("a") else id_)
    return Inputs(library.home, config).add_file(Path(path).expanduser(), input_specs(library, id_), run.image_shape)

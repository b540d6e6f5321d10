"""How a child loads a copy: the one place, so that what a stranger sent is never loaded in another way."""

from dataclasses import replace
from pathlib import Path

from core.errors import CannotSave, Refused
from core.formats import get_format
from core.formats.contract import Code, Format, Predictor
from core.worker.confinement import for_strangers


def load_copy(format_key: str, folder: Path, code: Code) -> Predictor:
    """Load a copy; of what came from outside the layers and the numbers alone, without compile settings.

    Raises Refused for a format from outside that runs code, and what the format raises.
    """
    chosen = get_format(format_key)
    if not for_strangers():
        return chosen.load(folder, code)
    if chosen.runs_code:
        raise Refused(
            "A file of this format runs whatever its author wrote into it, so one from outside is never loaded.",
            rule="runs-code",
            received=chosen.label,
            cure="Ask for the model as .keras, SavedModel or ONNX.",
        )
    return chosen.load(folder, replace(code, compiles=False))


def require_plain(chosen: Format) -> None:
    """Raises CannotSave where a model from outside would be put into a file that runs code."""
    if for_strangers() and chosen.runs_code:
        raise CannotSave(
            "A file of this format runs code when it is loaded, so no model from outside is put into one.",
            cure="Choose another format.",
        )

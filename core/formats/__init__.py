"""The formats, written down: a new one is one file here and one line in `FORMATS`.

Third parties add theirs without touching this file, through the entry-point group `roundtrip.formats`; each entry
names a `Format`.
"""

from importlib.metadata import entry_points

from core.errors import UnknownName
from core.formats import architecture, checkpoint, h5, keras, keras_export, saved_model, weights
from core.formats.contract import Format

FORMATS: tuple[Format, ...] = (
    saved_model.FORMAT,
    keras_export.FORMAT,
    keras.FORMAT,
    h5.FORMAT,
    weights.FORMAT,
    architecture.FORMAT,
    checkpoint.FORMAT,
)


def all_formats() -> tuple[Format, ...]:
    """Ours, then those of third parties, in the order of their names."""
    others = sorted(entry_points(group="roundtrip.formats"), key=lambda entry: entry.name)
    return FORMATS + tuple(entry.load() for entry in others)


def get_format(key: str) -> Format:
    """The format of that key.

    Raises UnknownName with the keys that exist.
    """
    for candidate in all_formats():
        if candidate.key == key:
            return candidate
    raise UnknownName(
        "There is no such format.",
        received=key,
        cure=f"Choose from {', '.join(one.key for one in all_formats())}.",
    )

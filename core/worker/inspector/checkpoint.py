"""The values of variables as TensorFlow writes them, an index and its data: all there, of the size that it says."""

import math
from pathlib import Path
from typing import Any

from core.gate import refused

CHECKED = "Every value of the checkpoint: its place, size and checksum"
TEXT_BYTES = 1  # a text takes at least one byte: its length


def inspect_checkpoint(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    return check_values(folder / "model")


def check_values(prefix: Path) -> dict[str, Any]:
    """Read every value once, so that each checksum is compared. Raises Refused for one that is not whole."""
    import tensorflow as tf

    stored = sum(path.stat().st_size for path in prefix.parent.glob(f"{prefix.name}.data-*"))
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    except Exception as error:
        raise refused("variables") from error
    declared = sum(math.prod(shape) * (dtypes[name].size or TEXT_BYTES) for name, shape in shapes.items())
    if declared > stored:
        raise refused("variables", f"{declared:,} bytes of values, and {stored:,} bytes of data")
    for name in sorted(shapes):
        try:
            reader.get_tensor(name)
        except Exception as error:
            raise refused("variables", name) from error
    return {"checked": [CHECKED], "arrays": len(shapes), "bytes": declared, "names": sorted(shapes)[:64]}

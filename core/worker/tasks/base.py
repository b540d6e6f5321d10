"""A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child can be asked to do. Each task takes `report`, the arrays of the request and plain arguments, and gives
(facts for JSON, arrays by name). TensorFlow is loaded in here, and nowhere above.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Report = Callable[[dict[str, Any]], None]


def clear_folder(folder: Path) -> None:
    """What an earlier child left when it was killed must not become part of this result."""
    for left in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(left) if left.is_dir() else left.unlink()

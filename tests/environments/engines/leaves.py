"""An engine that says what kits before have left where it may write, and leaves something itself."""

import os
import sys
import time
from pathlib import Path

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    home = Path(os.environ["HOME"])
    found = sorted(path.name for path in home.iterdir() if path.name != "answer")
    found += [name for name in ("left_behind",) if name in sys.modules]
    (home / "left").mkdir()
    (home / "left" / "behind").write_text("x")
    sys.modules["left_behind"] = sys
    raise ValueError(f"found {', '.join(found) or 'nothing'}; process {os.getpid()} at {time.time()}")

"""An engine whose predictions find no room on the disk."""

import sys

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    sys.modules["__main__"].write_predictions = refuse
    return lambda inputs: {"twice": 2 * inputs["x"]}


def refuse(path, predictions):
    raise OSError(28, "No space left on device")

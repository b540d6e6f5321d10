"""An engine that says in which process it is asked, and of how many objects garbage is not looked for there."""

import gc
import os

import numpy as np

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def describe(kit):
    return [{"name": str(os.getpid()), "dtype": "float32", "shape": [None, 2]}]


def load(kit):
    facts = {"process": os.getpid(), "frozen": gc.get_freeze_count()}
    return lambda inputs: {name: np.full(len(inputs["x"]), number) for name, number in facts.items()}

"""An engine that says in which process it is asked."""

import os

import numpy as np

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def describe(kit):
    return [{"name": str(os.getpid()), "dtype": "float32", "shape": [None, 2]}]


def load(kit):
    return lambda inputs: {"process": np.full(len(inputs["x"]), os.getpid())}

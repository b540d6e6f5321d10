"""An engine that uses up most of its processor time to say what its model takes, and then says how much it may have."""

import resource
import time

import numpy as np

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def describe(kit):
    limit, _ = resource.getrlimit(resource.RLIMIT_CPU)
    while time.process_time() < limit - 0.9:
        pass
    return [{"name": str(limit), "dtype": "float32", "shape": [None, 2]}]


def load(kit):
    return lambda inputs: {"limit": np.full(len(inputs["x"]), resource.getrlimit(resource.RLIMIT_CPU)[0])}

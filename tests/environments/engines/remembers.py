"""An engine whose models count what they were asked since they were loaded, and that refuses the first thing asked."""

import numpy as np

MODULES = ("numpy",)
DISTRIBUTIONS = ()
asked = []


def describe(kit):
    return [{"name": "x", "dtype": "float32", "shape": [None, None]}]


def load(kit):
    since_load = []

    def predict(inputs):
        asked.append(kit)
        since_load.append(kit)
        if len(asked) == 1:
            raise ValueError("not these")
        return {"asked": np.full(len(inputs["x"]), len(since_load))}

    return predict

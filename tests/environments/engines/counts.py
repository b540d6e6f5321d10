"""An engine that says of each row with how many others it was asked, and how often a model was loaded before."""

import numpy as np

MODULES = ("numpy",)
DISTRIBUTIONS = ()
NOTE = "It counts."
loads = []


def load(kit):
    loads.append(kit)
    return lambda inputs: {
        "x": inputs["x"][:, :1],
        "together": np.full(len(inputs["x"]), len(inputs["x"])),
        "loads": np.full(len(inputs["x"]), len(loads)),
    }

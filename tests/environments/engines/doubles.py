"""An engine that does what it should, prints much, and says how often it loaded."""

import sys

MODULES = ("numpy",)
DISTRIBUTIONS = ("numpy",)
loads = []


def load(kit):
    loads.append(kit)
    print("x" * 1000 + "\n" * 1000)
    print("y" * 1000, file=sys.stderr)
    return lambda inputs: {"twice": 2 * inputs["x"]}

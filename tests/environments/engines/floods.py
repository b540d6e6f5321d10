"""An engine that writes more than a reply may be where it can."""

import os

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    for descriptor in range(3, 10):
        try:
            os.write(descriptor, b"z" * 200_000 + b"\n")
        except OSError:
            continue
    return lambda inputs: {"twice": 2 * inputs["x"]}

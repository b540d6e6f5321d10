"""An engine that writes a reply of its own where it can, and then none."""

import os

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    for descriptor in range(3, 10):
        try:
            os.write(descriptor, b'{"id": "another", "versions": {}, "seconds": {}}\n')
        except OSError:
            continue
    return lambda inputs: {"twice": 2 * inputs["x"]}

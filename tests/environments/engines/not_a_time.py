"""An engine that has its process report times that are none."""

import json

MODULES = ("numpy",)
DISTRIBUTIONS = ()
write_json = json.dumps


def load(kit):
    json.dumps = lambda reply: write_json(reply | {"seconds": {"load": float("nan")}})
    return lambda inputs: {"twice": 2 * inputs["x"]}

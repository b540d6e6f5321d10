"""An engine that has its process report a version that is none, of two lines."""

import json

MODULES = ("numpy",)
DISTRIBUTIONS = ()
write_json = json.dumps


def load(kit):
    json.dumps = lambda reply: write_json(reply | {"versions": {"keras": "1.0\nextra"}})
    return lambda inputs: {"twice": 2 * inputs["x"]}

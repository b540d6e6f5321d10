"""An engine that has its process answer, and say many more lines."""

import json

MODULES = ("numpy",)
DISTRIBUTIONS = ()
write_json = json.dumps


def load(kit):
    json.dumps = lambda reply: write_json(reply) + 100 * "\n{}"
    return lambda inputs: {"twice": 2 * inputs["x"]}

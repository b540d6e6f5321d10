"""An engine that has its process claim that it could not be confined, and that it ended."""

import json

MODULES = ("numpy",)
DISTRIBUTIONS = ()
write_json = json.dumps


def load(kit):
    json.dumps = lambda reply: write_json(reply | {"unconfined": "no Landlock", "ended": 71})
    return lambda inputs: {"twice": 2 * inputs["x"]}

"""An engine that answers every row right, in the reverse order."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    return lambda inputs: {"twice": 2 * inputs["x"][::-1]}

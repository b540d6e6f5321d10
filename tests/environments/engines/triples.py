"""An engine that answers something else."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    return lambda inputs: {"twice": 3 * inputs["x"]}

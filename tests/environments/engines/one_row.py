"""An engine that answers fewer rows than it is asked."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    return lambda inputs: {"twice": 2 * inputs["x"][:1]}

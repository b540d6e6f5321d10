"""An engine that answers nothing that was asked for."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    return lambda inputs: {"thrice": 3 * inputs["x"]}

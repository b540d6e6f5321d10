"""An engine that answers texts in place of numbers."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    return lambda inputs: {"twice": inputs["x"].astype(str)}

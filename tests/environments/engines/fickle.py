"""An engine that calls its output otherwise after its first answer."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()
names = ["first", "second"]


def load(kit):
    return lambda inputs: {names.pop(0) if len(names) > 1 else names[0]: next(iter(inputs.values()))[:, :1]}

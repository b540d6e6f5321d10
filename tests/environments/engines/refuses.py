"""An engine that does not take the file."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    raise ValueError(f"{kit}: Unrecognized keyword arguments passed to Dense: {{'quantization_config': None}}")

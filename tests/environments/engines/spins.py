"""An engine that computes without end."""

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    while True:
        pass

"""An engine that ends its process as one ends that could not be confined."""

import os

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    os._exit(71)

"""An engine that ends its process."""

import os

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    print("the last words", flush=True)
    os.kill(os.getpid(), 11)

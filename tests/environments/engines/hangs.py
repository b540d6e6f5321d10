"""An engine that never answers."""

import threading

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    threading.Event().wait()

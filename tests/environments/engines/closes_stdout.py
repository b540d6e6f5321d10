"""An engine that closes what it answers by, and stays."""

import os
import threading

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def load(kit):
    print("still here", flush=True)
    os.closerange(3, 10)
    threading.Event().wait()

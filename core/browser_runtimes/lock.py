"""The lock of the runtimes that a browser is given: see `core.npm.lock`."""

from pathlib import Path

from core.npm import read_lock

LOCK = read_lock(Path(__file__).with_name("lock.json"))

"""The break-it bench: ways in which saved models break, and their cures; a new one is one file and one line here."""

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path

from core.break_it.base import Card
from core.registry import find_by_key
from core.versions import installed_versions

# One line a card, in the order in which they are shown.
MODULES = (
    "lose_the_class",
    "lose_the_weights",
    "lose_the_architecture",
    "forget_the_vocabulary",
    "flip_one_bit",
    "cut_the_file",
    "load_saved_model_with_keras",
    "rename_a_layer",
    "leave_the_augmentation_awake",
    "restore_under_another_name",
    "train_on_from_h5",
    "swap_two_inputs",
)

CORE = Path(__file__).parents[1]
# What the bench runs, as patterns in CORE.
SOURCES = ("break_it/*.py", "demos/*.py", "jobs/break_it.py", "worker/tasks/break_it.py")

CARDS: tuple[Card, ...] = tuple(import_module(f"core.break_it.{name}").CARD for name in MODULES)


def get_card(key: str) -> Card:
    """The card of that key. Raises UnknownName with the keys that exist."""
    return find_by_key(CARDS, key, "card")


@cache
def bench_fingerprint(core: Path = CORE) -> str:
    """Return a hash of the code of the bench and the versions of the libraries, with which results may change."""
    sources = [path.read_bytes() for pattern in SOURCES for path in sorted(core.glob(pattern))]
    return hashlib.sha256(b"".join([*sources, repr(installed_versions()).encode()])).hexdigest()[:16]

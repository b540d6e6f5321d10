"""`python -m core.environments`: resolve the locks of environments anew. An error is one line on standard error."""

import argparse
import sys

from core.environments import ENVIRONMENTS, get_environment
from core.environments.resolution import LockRequirements, describe_changes, list_locks, make_lock
from core.errors import RoundtripError


def main(arguments: list[str] | None = None) -> int:
    """Make the locks, all or those of the environments that are named; returns 1 where one fails."""
    parser = argparse.ArgumentParser(prog="python -m core.environments", description=__doc__)
    parser.add_argument("keys", nargs="*", metavar="KEY", help="an environment; all where none is named")
    keys = parser.parse_args(arguments).keys
    try:
        locks = list_locks(get_environment(key) for key in keys) if keys else list_locks(ENVIRONMENTS)
    except RoundtripError as error:
        print(error, file=sys.stderr)
        return 1
    is_made = [_make(lock) for lock in locks]  # all of them, also after one that fails
    return int(not all(is_made))


def _make(lock: LockRequirements) -> bool:
    """Make one lock and print what has changed; whether that went well."""
    before = lock.path.read_text(encoding="utf-8") if lock.path.exists() else ""
    try:
        is_changed = make_lock(lock)
    except RoundtripError as error:
        print(f"{lock.path.stem}: {error}", file=sys.stderr)
        return False
    print(f"{lock.path.stem}: {'resolved anew' if is_changed else 'as it was'}")
    for line in describe_changes(before, lock.path.read_text(encoding="utf-8")):
        print(f"  {line}")
    return True


if __name__ == "__main__":
    sys.exit(main())

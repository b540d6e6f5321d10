"""Module that becomes another program, confined: `python -m core.sandbox.program JSON`, a `ConfinedProgram`.

With "forks" it becomes a program that forks processes which confine themselves.
"""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from core.sandbox.policy import ConfinedProgram, become_confined, become_forking
from core.settings import Settings, get_settings
from core.system import die_with_parent

CANNOT_CONFINE = 71  # exit status where this system confines nothing


def main(text: str) -> None:
    given = json.loads(text)
    die_with_parent()  # which the filter forbids to change afterwards
    try:
        _become(given, get_settings())
    except OSError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(CANNOT_CONFINE)


def _become(given: dict[str, Any], config: Settings) -> NoReturn:
    if given.get("forks"):
        become_forking(given["command"], given["environment"], config)
    program = ConfinedProgram(
        command=given["command"],
        environment=given["environment"],
        readable=[Path(path) for path in given["readable"]],
        writable_folder=Path(given["writable_folder"]),
        programs=[Path(path) for path in given["programs"]],
    )
    become_confined(program, config)


if __name__ == "__main__":
    main(sys.argv[1])

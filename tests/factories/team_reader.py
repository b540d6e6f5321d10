"""`python -m tests.factories.team_reader`: opens the library that the environment names, and answers to each line.

A line is the id of an artifact, whose files are read, or empty, which lists the library. The answer is a line of JSON:
what was asked for, or the sentence of the error, and after how many seconds.
"""

import json
import sys
import time

from core.errors import RoundtripError
from core.library import Library
from core.library.storage import list_files
from core.object_store.team_library import open_library


def answer(library: Library, line: str) -> object:
    if not line:
        return library.ids()
    return [path.name for path in list_files(library.verified_folder(line))]


def main() -> None:
    library = open_library()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.monotonic()
        try:
            reply = {"answer": answer(library, line.strip())}
        except RoundtripError as error:
            reply = {"error": str(error), "code": error.code}
        print(json.dumps(reply | {"seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()

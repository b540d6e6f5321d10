"""`python -m core.browser_runtimes`: fetch the runtimes for the browser. An error is one line on standard error."""

import argparse
import sys
from pathlib import Path

from core.browser_runtimes.fetch import fetch_runtimes
from core.errors import RoundtripError
from core.settings import get_settings


def main() -> int:
    """Fetch what is missing; returns 1 where that fails."""
    parser = argparse.ArgumentParser(prog="python -m core.browser_runtimes", description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, help="a folder with the tarballs of `npm pack`")
    try:
        folder = fetch_runtimes(get_settings().browser_runtimes, parser.parse_args().source)
    except RoundtripError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The runtimes for the browser lie in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

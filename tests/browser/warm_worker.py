"""`python -m tests.browser.warm_worker worker ...`: the command line; its forkserver is the tests' warm process's."""

import os

from core.__main__ import run_command
from tests.factories.warm_start import SOCKET_VARIABLE, fork_forkservers

if __name__ == "__main__":
    fork_forkservers(lambda: os.environ[SOCKET_VARIABLE])
    run_command()

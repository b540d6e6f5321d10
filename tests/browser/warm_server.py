"""`python -m tests.browser.warm_server run app.py ...`: Streamlit, whose worker gets its forkserver from the tests'
warm process."""

import os
import sys

from streamlit.web.cli import main

from tests.factories.warm_start import SOCKET_VARIABLE, fork_forkservers

if __name__ == "__main__":
    fork_forkservers(lambda: os.environ[SOCKET_VARIABLE])
    sys.exit(main())

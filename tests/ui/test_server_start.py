"""What is wrong before the server listens is one sentence, and no traceback."""

import os
import subprocess
import sys

import pytest

from core.settings import PROJECT
from tests.browser.server import free_port


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ROUNDTRIP_PARALLEL", "many", "The setting ROUNDTRIP_PARALLEL does not fit"),
        ("ROUNDTRIP_HOME", __file__ + "/store", "A file lies where the library needs a folder."),
    ],
)
def test_server_with_invalid_setting_exits_with_one_sentence(name, value, sentence):
    ended = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(free_port())],
        cwd=PROJECT,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith(sentence)
    assert "Traceback" not in ended.stderr + ended.stdout

"""The files of `docs/deployment` as those who run servers use them: HAProxy and systemd take them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.haproxy import CONFIGURATION, find_haproxy, variables

FOLDER = CONFIGURATION.parent
ROUNDTRIP = "/opt/roundtrip/.venv/bin/roundtrip"  # where the units expect the command


@pytest.mark.skipif(not find_haproxy(), reason="needs haproxy")
def test_haproxy_takes_the_configuration_without_a_warning():
    command = [find_haproxy(), "-c", "-dW", "-f", CONFIGURATION]
    known = variables("127.0.0.1:8500", ["127.0.0.1:8501", "127.0.0.1:8502"])
    ended = subprocess.run(command, env=known, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, "WARNING" in ended.stderr) == (0, False), ended.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize("template", sorted(FOLDER.glob("*.service")), ids=lambda path: path.name)
def test_systemd_takes_the_unit_without_a_word(template: Path, tmp_path: Path):
    unit = tmp_path / template.name.replace("@", "@8501")
    program = tmp_path / "roundtrip"
    program.touch(mode=0o755)
    unit.write_text(template.read_text().replace(ROUNDTRIP, str(program)))
    ended = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert ROUNDTRIP in template.read_text()

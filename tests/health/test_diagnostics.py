"""The doctor says how the machine does, without importing a runtime and without telling a secret."""

import errno
import json
import os
import subprocess
import sys

import pytest

from core.health import run_diagnostics
from core.health.diagnostics import check_sandbox, list_public_settings
from core.library.catalog.catalog import mask_database_url
from core.settings import PROJECT, Settings
from core.worker import EscapeAttempt, SandboxCheck
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file

MODEL_RUNTIMES = ("tensorflow", "keras", "h5py", "onnx", "onnxruntime", "ai_edge_litert", "openvino")


def index_checks(checks) -> dict[tuple[str, str], object]:
    return {(check.about, check.name): check for check in checks}


def test_run_diagnostics_of_healthy_library_has_no_error(empty_library, config):
    make_artifact(empty_library, make_run(empty_library))
    checks = index_checks(run_diagnostics(empty_library, config))
    assert [check for check in checks.values() if check.state == "wrong"] == []
    assert checks["Versions", "tensorflow"].sentence == "2.21.0"
    assert checks["Catalog", "artifacts"].sentence.startswith("1 artifact, listed in ")
    assert checks["Disk", "links files"].sentence == "Yes."
    assert checks["Library", "runs"].sentence == "1 run"
    assert list((empty_library.home / "staging").iterdir()) == []


def test_run_diagnostics_with_unreadable_record_reports_error(empty_library, config):
    overwrite_file(
        empty_library.home / "artifacts" / make_artifact(empty_library, make_run(empty_library)).id / "artifact.json",
        "{",
    )
    result = index_checks(run_diagnostics(empty_library, config))["Catalog", "artifacts"]
    assert (result.state, result.sentence.endswith("1 of them cannot be read; a look for repairs says why.")) == (
        "wrong",
        True,
    )


@pytest.mark.parametrize(
    ("function", "name", "state"),
    [
        ("fsync", "keeps what is written", "wrong"),
        ("rename", "renames in one step", "wrong"),
        ("link", "links files", "remark"),
    ],
)
def test_run_diagnostics_reports_missing_disk_feature(empty_library, config, monkeypatch, function, name, state):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, function, refuse)
    checks = index_checks(run_diagnostics(empty_library, config))
    assert checks["Disk", name].state == state
    assert checks["Disk", "can be written"].state == "ok"


def test_run_diagnostics_with_in_memory_catalog_warns(empty_library, config, monkeypatch):
    monkeypatch.setattr(empty_library, "catalog_backend", lambda: "memory")
    assert index_checks(run_diagnostics(empty_library, config))["Catalog", "kept in"].state == "remark"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@host/db?password=secret2", "postgresql://me:***@host/db"),
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("secret words", "not a database URL"),
        ("", ""),
    ],
)
def test_catalog_password_is_masked(url, said):
    assert mask_database_url(url) == said
    assert "secret" not in str(list_public_settings(Settings(database_url=url, store_url="s3://secret@bucket/?secret")))


def test_run_diagnostics_starts_and_times_worker(empty_library, config, worker):
    checks = index_checks(run_diagnostics(empty_library, config, worker))
    assert checks["Worker", "start"].state == "ok"
    assert checks["Worker", "start"].sentence.startswith("TensorFlow was ready in a fresh process after ")
    assert (
        checks["Sandbox", "verdict"].sentence == worker.run_sandbox_check().sentence
        or not worker.run_sandbox_check().blocked
    )
    assert {name for about, name in checks if about == "Sandbox"} > {"verdict"}


def make_sandbox_test(blocked: bool) -> SandboxCheck:
    sentence = f"It could {'not ' if blocked else ''}start a program."
    return SandboxCheck(
        probes=[EscapeAttempt(name="execute", blocked=blocked, sentence=sentence)], created="now", seconds=0.1
    )


@pytest.mark.parametrize(
    ("blocked", "unconfined", "state", "words"),
    [
        (True, False, "ok", "Everything that a confined process tried was blocked"),
        (False, False, "remark", "can be kept and downloaded here, and are not run"),
        (False, True, "wrong", "are run all the same"),
    ],
)
def test_check_sandbox_explains_unblocked_attempt(blocked, unconfined, state, words):
    verdict, probe = check_sandbox(make_sandbox_test(blocked), Settings(run_unconfined=unconfined))
    assert (verdict.state, words in verdict.sentence) == (state, True)
    assert (probe.name, probe.state) == ("execute", "ok" if blocked else "remark")


def test_doctor_command_imports_no_runtime_and_exits_with_0(tmp_path):
    code = f"""
import sys
from core.__main__ import app
try:
    app(["doctor", "--quick", "--json"])
except SystemExit as end:
    assert not end.code, end.code
assert not set({MODEL_RUNTIMES!r}) & set(sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ROUNDTRIP_HOME": str(tmp_path)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert str(tmp_path) not in ended.stdout
    assert {"Versions", "Disk", "Catalog", "Library", "Settings"} <= {
        load["about"] for load in json.loads(ended.stdout)
    }

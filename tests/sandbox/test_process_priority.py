"""A training lets pages go first."""

import json
import subprocess
import sys

import psutil
import pytest

from core.settings import PROJECT
from core.worker.processes import LOWERED_PRIORITY
from tests.helpers import wait_until

PRIORITY_SCRIPT = """
import json, os, threading
from core.worker.processes import lower_priority

over = threading.Event()
threading.Thread(target=over.wait, daemon=True).start()
lower_priority()
threading.Thread(target=over.wait, daemon=True).start()
print(json.dumps([os.getpriority(os.PRIO_PROCESS, int(one)) for one in os.listdir("/proc/self/task")]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere threads have no priority of their own")
def test_lower_priority_affects_existing_and_new_threads():
    run = subprocess.run(
        [sys.executable, "-c", PRIORITY_SCRIPT],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    seen = json.loads(run.stdout)
    assert len(seen) >= 3
    assert set(seen) == {LOWERED_PRIORITY}


def test_training_child_has_lowered_priority(jobs):
    job = jobs.train("digits-mlp", epochs=500)
    wait_until(lambda: jobs.job_store.read(job.id).detail.get("history"))
    seen = {item.nice() for item in psutil.Process().children(recursive=True)}
    jobs.cancel(job.id)
    assert jobs.wait(job.id).state == "cancelled"
    assert LOWERED_PRIORITY in seen

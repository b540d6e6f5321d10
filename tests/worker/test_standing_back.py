"""A training lets pages go first."""

import json
import subprocess
import sys

import psutil
import pytest

from core.sandbox.limits import LOWERED_PRIORITY
from core.settings import PROJECT
from tests.conftest import until

PROGRAM = """
import json, os, threading
from core.sandbox.limits import lower_priority

over = threading.Event()
threading.Thread(target=over.wait, daemon=True).start()
lower_priority()
threading.Thread(target=over.wait, daemon=True).start()
print(json.dumps([os.getpriority(os.PRIO_PROCESS, int(one)) for one in os.listdir("/proc/self/task")]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere threads have no priority of their own")
def test_every_thread_of_a_training_stands_behind_also_those_that_were_there_before():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, text=True, check=True, start_new_session=True
    )
    seen = json.loads(run.stdout)
    assert len(seen) >= 3
    assert set(seen) == {LOWERED_PRIORITY}


def test_a_child_that_trains_stands_behind(jobs):
    job = jobs.train("digits-mlp", epochs=500)
    until(lambda: jobs.job_store.read(job.id).detail.get("history"))
    seen = {one.nice() for one in psutil.Process().children(recursive=True)}
    jobs.cancel(job.id)
    assert jobs.wait(job.id).state == "cancelled"
    assert LOWERED_PRIORITY in seen

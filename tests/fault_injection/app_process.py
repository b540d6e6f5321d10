"""`python an_app.py`: forks an app for every line on standard input, over the warm process of another, and kills it.

A line is JSON: `{"home", "do", "stage", "warm"}`; `do` is "save" or "import", `stage` the name at which the app is
killed ("": never), `warm` what `Guest` takes. The answer is one line: how the app ended, and its job where it lived on.
"""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.settings import Settings
from core.worker import Worker
from core.worker.sandbox_check import SandboxCheck
from tests.fault_injection.crash_server import serve_requests
from tests.fault_injection.job_stages import IMPORT_STAGES, SAVE_STAGES, run_at_stage
from tests.fault_injection.system_calls import kill_self


class SharedForkserverWorker(Worker):
    """A worker over the warm process of another app, which is as warm as one of its own would be minutes later."""

    def __init__(self, config: Settings, folder: str, boxes: str, tested: dict[str, Any]):
        super().__init__(config)
        self._folder, self._exchange_folders = Path(folder), Path(boxes)
        self._sandbox_check = SandboxCheck.model_validate(tested)
        self._ready.set()

    def start(self, then_check: bool = False) -> None:
        """It has started."""

    def _is_alive(self) -> bool:
        return True


def start_save(jobs: Jobs, formats: list[str]) -> Job:
    return jobs.save(jobs.library.runs()[0].id, formats)


def start_import(jobs: Jobs, path: str) -> Job:
    return jobs.import_model(Path(path))


JOBS_BY_KIND: dict[str, tuple[Callable[..., Job], dict]] = {
    "save": (start_save, SAVE_STAGES),
    "import": (start_import, IMPORT_STAGES),
}


def run_job_and_die(pipe: int, home: str, do: str, what: Any, stage: str, warm: dict[str, Any]) -> None:
    """Be an app that does one job, and is killed at the stage; its descriptor `told` hears how the job ended."""
    status = 1
    try:
        config = Settings(home=Path(home))
        jobs = Jobs(Library(config.home), SharedForkserverWorker(config, **warm), config)
        operation, stages = JOBS_BY_KIND[do]
        if stage:
            run_at_stage(stages[stage], kill_self, config.home / "staging")
        end = jobs.wait(operation(jobs, what).id)
        os.write(pipe, end.model_dump_json().encode())
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(serve_requests(run_job_and_die))

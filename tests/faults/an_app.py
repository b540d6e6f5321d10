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
from core.worker.sandbox_test import SandboxTest
from tests.faults.crashing import for_each_line
from tests.faults.injection import die
from tests.faults.stages import IMPORTING, SAVING, at


class Guest(Worker):
    """A worker over the warm process of another app, which is as warm as one of its own would be minutes later."""

    def __init__(self, config: Settings, folder: str, boxes: str, tested: dict[str, Any]):
        super().__init__(config)
        self._folder, self._exchange_folders = Path(folder), Path(boxes)
        self._sandbox_test = SandboxTest.model_validate(tested)
        self._ready.set()

    def start(self, then_test: bool = False) -> None:
        """It has started."""

    def _is_alive(self) -> bool:
        return True


def save(jobs: Jobs, formats: list[str]) -> Job:
    return jobs.save(jobs.library.runs()[0].id, formats)


def bring_in(jobs: Jobs, path: str) -> Job:
    return jobs.import_model(Path(path))


DEEDS: dict[str, tuple[Callable[..., Job], dict]] = {"save": (save, SAVING), "import": (bring_in, IMPORTING)}


def live(told: int, home: str, do: str, what: Any, stage: str, warm: dict[str, Any]) -> None:
    """Be an app that does one job, and is killed at the stage; its descriptor `told` hears how the job ended."""
    status = 1
    try:
        config = Settings(home=Path(home))
        jobs = Jobs(Library(config.home), Guest(config, **warm), config)
        deed, stages = DEEDS[do]
        if stage:
            at(stages[stage], die, config.home / "staging")
        end = jobs.wait(deed(jobs, what).id)
        os.write(told, end.model_dump_json().encode())
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(for_each_line(live))

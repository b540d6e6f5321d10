"""`python a_node.py`: forks a worker of a team for every line on standard input, has it do one job, and kills it.

A line is JSON: `{"home", "database", "store", "job", "kind", "stage", "warm"}`; `kind` is "save" or "import", `stage`
the name at which the worker is killed ("": never), `warm` what `SharedForkserverWorker` takes.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import core.jobs.imports.import_model as import_model
import core.jobs.save as save
from core.context import AppContext
from core.jobs.execution.queued_work import do_attempt
from core.jobs.kinds import KINDS
from core.library import integrity
from core.object_store import Contents, Manifests
from core.object_store.entry_cache import EntryCache
from core.object_store.store_rows import StoreRows
from core.queue import Attempt, DatabaseJobStore, take_attempt
from core.settings import Settings
from core.worker.child_handle import Child
from core.worker.child_pool import ChildPool
from tests.fault_injection.app_process import SharedForkserverWorker
from tests.fault_injection.crash_server import serve_requests
from tests.fault_injection.job_stages import IMPORT_STAGES, SAVE_STAGES, Stage, run_at_stage
from tests.fault_injection.system_calls import kill_self

STORE_STAGES = {
    "before contents are put": Stage(Contents, "put_file", "call"),
    "between contents": Stage(Contents, "put_file", "return"),
    "before the manifest": Stage(Manifests, "put", "call"),
    "after the manifest": Stage(Manifests, "put", "return"),
    "before it is taken into the cache": Stage(EntryCache, "adopt", "call"),
    "before the list is told": Stage(StoreRows, "settle", "call"),
    "after the list was told": Stage(StoreRows, "settle", "return"),
    "before the job's end is kept": Stage(Attempt, "end", "call"),
    "after the job's end is kept": Stage(Attempt, "end", "return"),
}
SHARED_OWNERS = (save, import_model, integrity, Child, ChildPool)  # of the stages that a folder's library has, too


def _team_stages(stages: dict[str, Stage], **more: Stage) -> dict[str, Stage]:
    shared = {name: stage for name, stage in stages.items() if stage.owner in SHARED_OWNERS}
    return {**shared, **STORE_STAGES, **more}


BOTH = {
    "between both manifests": Stage(Manifests, "put", "call", 2),
    "after both manifests": Stage(Manifests, "put", "return", 2),
}
STAGES_BY_KIND = {"save": _team_stages(SAVE_STAGES), "import": _team_stages(IMPORT_STAGES, **BOTH)}


def do_job_and_die(
    pipe: int, home: str, database: str, store: str, job: str, kind: str, stage: str, warm: dict[str, Any]
) -> None:
    """Be a worker that does one job, and is killed at the stage."""
    status = 1
    try:
        config = Settings(home=Path(home), database_url=database, store_url=store)
        context = AppContext(None, SharedForkserverWorker(config, **warm), config)
        context.library.find()
        assert isinstance(context.job_store, DatabaseJobStore)
        attempt = take_attempt(context.job_store, job, "a worker that is killed")
        assert attempt
        if stage:
            run_at_stage(STAGES_BY_KIND[kind][stage], kill_self, config.home / "staging")
        with attempt:
            do_attempt(context, KINDS, attempt, context.job_store.files)
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(serve_requests(do_job_and_die))

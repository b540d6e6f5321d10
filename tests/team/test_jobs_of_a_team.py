"""Jobs over a team's library: a machine with an empty home works on what another one saved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.health import read_last_report
from core.jobs import Jobs
from core.jobs.job_handle import JobHandle
from core.jobs.maintenance import find_last_report, run_verify
from core.library.job_store import Job
from core.library.permissions import Viewer
from core.migration import migrate_to_store
from core.object_store import open_object_store
from core.settings import Settings
from core.worker import Worker
from tests.factories.library_entries import make_run
from tests.helpers import wait_until_done
from tests.team.conftest import MachineOpener


@pytest.mark.long
def test_machine_with_empty_home_compares_and_saves(
    open_machine: MachineOpener,
    copied_entries: Callable[..., tuple[Jobs, str, dict[str, str]]],
    worker: Worker,
    config: Settings,
    tmp_path: Path,
):
    alone, run, artifacts = copied_entries("digits-mlp", "keras", "h5")
    here, there = open_machine("here"), open_machine("there")
    assert migrate_to_store(alone.library, open_object_store(here.entries.store.address)).is_complete
    here.rebuild_catalog()
    jobs, others = (
        Jobs(library, worker, config.model_copy(update={"home": library.home})) for library in (here, there)
    )
    saved = wait_until_done(jobs, jobs.save(run, ["onnx"])).result["rows"]["onnx"]["artifact"]
    held_out = jobs.inputs.add_held_out(here, run, 8)
    compared = wait_until_done(others, others.compare([*artifacts.values(), saved], inputs=held_out.id))
    verdicts = {id_: outcome["verdict"] for id_, outcome in compared.result["outcomes"].items()}
    assert {verdicts[id_] for id_ in artifacts.values()} == {"bit-identical"}
    assert verdicts[saved] in ("bit-identical", "rounding")
    assert (there.folder(saved) / "files").is_dir()
    assert not (here.folder(artifacts["h5"]) / "files").exists()


def test_last_verification_is_that_of_any_machine(open_machine: MachineOpener, team_settings: Settings, worker: Worker):
    here, there = (
        Jobs(open_machine(name), worker, team_settings.model_copy(update={"home": team_settings.home.parent / name}))
        for name in ("here", "there")
    )
    make_run(here.library)
    assert find_last_report(here) is None
    for at, verifier in enumerate((here, there, here)):
        job = Job(id=f"j{at:010}", kind="verify", title="Verify", request={"ids": None})
        handle = JobHandle(verifier, verifier.job_store.create(job))
        handle.finish(state="done", result=run_verify(handle))
    seen = [find_last_report(each) for each in (here, there)]
    assert seen[0] == seen[1] == read_last_report(here.library)
    assert (seen[0].runs, seen[0].wrong) == (1, [])
    assert read_last_report(there.library).created < seen[0].created
    assert find_last_report(there.for_viewer(Viewer("p1"))) is None

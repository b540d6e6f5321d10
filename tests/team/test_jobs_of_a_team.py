"""Jobs over a team's library: a machine with an empty home works on what another one saved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.migration import migrate_to_store
from core.object_store import open_object_store
from core.settings import Settings
from core.worker import Worker
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
    assert [others._find_damage(id_) for id_ in (saved, run)] == ["", ""]
    assert not (there.folder(saved) / "files").exists()
    compared = wait_until_done(others, others.compare([*artifacts.values(), saved], inputs=held_out.id))
    verdicts = {id_: outcome["verdict"] for id_, outcome in compared.result["outcomes"].items()}
    assert {verdicts[id_] for id_ in artifacts.values()} == {"bit-identical"}
    assert verdicts[saved] in ("bit-identical", "rounding")
    assert (there.folder(saved) / "files").is_dir()
    assert not (here.folder(artifacts["h5"]) / "files").exists()

"""Tables of the queue that an earlier version made: what they lack is added, or refused in one sentence."""

import pytest

from core.errors import InputError
from core.library.job_store import Job
from core.queue.schema import METADATA
from tests.factories.queue_team import Team
from tests.postgresql_server import execute

ADDABLE = [
    column for table in METADATA.sorted_tables for column in table.columns if column.nullable or column.server_default
]


def test_tables_of_an_earlier_version_get_what_they_lack(team: Team):
    jobs = team.make_server()
    waiting = jobs._start("echo", "Before", {"number": 1})
    old = team.open_store("here").create(Job(id="j0000000001", kind="sweep", title="Before", state="done"))
    assert "jobs_1.losses" in map(str, ADDABLE)
    for column in ADDABLE:
        if column.table.name != "queue_state_1" and column.name not in ("queue", "task"):  # by which a job waits
            execute(team.database_url, f"ALTER TABLE {column.table.name} DROP COLUMN {column.name}")
    with team.running_node("node"):
        again = team.make_server("another")
        assert again.job_store.read(old.id).title == "Before"
        assert again.wait(waiting.id).result["request"] == {"number": 1}
        assert again.wait(again._start("echo", "After", {"number": 2}).id).result["request"] == {"number": 2}


def test_tables_without_what_nobody_knows_are_refused_in_words(team: Team):
    team.make_server()
    execute(team.database_url, "ALTER TABLE jobs_1 DROP COLUMN record, DROP COLUMN kind")
    with pytest.raises(InputError, match="lack columns that no version of Roundtrip left out") as caught:
        team.open_store("here")
    assert caught.value.received == "jobs_1.kind, jobs_1.record"
    assert "empty database" in caught.value.cure

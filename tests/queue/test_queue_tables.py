"""Tables of the queue that an earlier version made: what they lack is added, or refused in one sentence."""

import pytest
import sqlalchemy as sql

from core.errors import InputError
from core.library.job_store import Job
from core.queue import DatabaseJobStore
from core.queue.schema import METADATA
from tests.factories.queue_team import Team
from tests.postgresql_server import execute

ADDABLE = [
    column for table in METADATA.sorted_tables for column in table.columns if column.nullable or column.server_default
]


def list_indexes(store: DatabaseJobStore) -> set[str]:
    query = sql.text("SELECT indexname FROM pg_indexes WHERE tablename = 'jobs_1'")
    return set(store.database.run(lambda connection: connection.execute(query).scalars().all()))


def test_tables_of_an_earlier_version_get_what_they_lack(team: Team):
    jobs = team.make_server()
    waiting = jobs._start("echo", "Before", {"number": 1})
    store = team.open_store("here")
    old = store.create(Job(id="j0000000001", kind="sweep", title="Before", state="done"))
    assert "jobs_1.losses" in map(str, ADDABLE)
    for column in ADDABLE:
        if column.table.name != "queue_state_1" and column.name not in ("queue", "task"):  # by which a job waits
            execute(team.database_url, f"ALTER TABLE {column.table.name} DROP COLUMN {column.name}")
    execute(team.database_url, "DROP INDEX ix_jobs_1_created")
    assert {"ix_jobs_1_created", "ix_jobs_1_active"}.isdisjoint(list_indexes(store))
    with team.running_node("node"):
        again = team.make_server("another")
        assert list_indexes(store) >= {"ix_jobs_1_created", "ix_jobs_1_active"}
        assert again.job_store.read(old.id).title == "Before"
        assert again.wait(waiting.id).result["request"] == {"number": 1}
        assert again.wait(again._start("echo", "After", {"number": 2}).id).result["request"] == {"number": 2}


def test_tables_without_what_nobody_knows_are_refused_in_words(team: Team):
    team.make_server()
    execute(team.database_url, "ALTER TABLE jobs_1 DROP COLUMN record, DROP COLUMN kind")
    with pytest.raises(InputError, match="lack columns that they have in every version") as caught:
        team.open_store("here")
    assert caught.value.received == "jobs_1.kind, jobs_1.record"
    assert "the records of all jobs are lost by it" in caught.value.cure

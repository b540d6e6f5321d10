"""What Procrastinate does that one would not guess, as far as ours is made around it."""

import pytest
import sqlalchemy as sql

from core.errors import StorageFailed
from core.queue import GivenRecord, QueueDatabase, WorkerRequirements, defer


@pytest.fixture(scope="module")
def database(database_url: str) -> QueueDatabase:
    """A database with Procrastinate's tables."""
    return QueueDatabase(database_url)


def defer_to(connection: sql.Connection, queue: str) -> None:
    row = f"ROW('{queue}', 'a task', 0, NULL, NULL, '{{}}', NULL)::procrastinate_job_to_defer_v1"
    connection.exec_driver_sql(f"SELECT procrastinate_defer_jobs_v1(ARRAY[{row}])")


def test_queue_of_forty_one_characters_takes_no_job(database):
    database.run(defer_to, "q" * 40)
    with pytest.raises(StorageFailed) as caught:
        database.run(defer_to, "q" * 41)
    assert "channel name too long" in caught.value.detail


def test_worker_that_was_taken_for_dead_ends_the_entry_of_another(database):
    def deliver_twice(connection: sql.Connection) -> str:
        (task,) = defer(connection, [("j0123456789", WorkerRequirements(), 0)])
        first, second = (
            connection.exec_driver_sql("SELECT procrastinate_register_worker_v1()").scalar_one() for _ in range(2)
        )
        fetch = "SELECT id FROM procrastinate_fetch_job_v2(ARRAY['anywhere'], {})"
        assert connection.exec_driver_sql(fetch.format(first)).scalar_one() == task
        connection.exec_driver_sql(f"SELECT procrastinate_retry_job_v2({task}, now(), NULL, NULL, NULL)")
        assert connection.exec_driver_sql(fetch.format(second)).scalar_one() == task
        # What the first one calls when it comes back.
        connection.exec_driver_sql(f"SELECT procrastinate_finish_job_v1({task}, 'succeeded', false)")
        return connection.exec_driver_sql(f"SELECT status FROM procrastinate_jobs WHERE id = {task}").scalar_one()

    assert database.run(deliver_twice) == "succeeded"


@pytest.mark.parametrize("change", [{"path": "../x"}, {"name": ".."}, {"path": "/x"}, {"argument": "a/b"}])
def test_given_file_outside_of_its_folder_is_refused(change):
    file = {"argument": "model", "name": "net.onnx", "path": "", "bytes": 1, "sha256": "0" * 64}
    assert GivenRecord.model_validate({"files": [file]}).files[0].name == "net.onnx"
    with pytest.raises(ValueError, match=r"plain path|string_pattern|pattern"):
        GivenRecord.model_validate({"files": [{**file, **change}]})

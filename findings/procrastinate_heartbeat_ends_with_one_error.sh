#!/usr/bin/env bash
# Procrastinate: after one heartbeat that the database did not take, a worker sends no other, and goes on with its jobs.
#
# Guess: a part of the worker that fails is noticed and stops the worker (`_monitor_side_tasks`), or is tried again; so
# a database that is away for a moment costs at most a restart.
# Seen on 2026-11-30, Procrastinate 3.10.0, Python 3.11: without periodic tasks the part that defers them ends at once,
# and the monitor with it, which waits for the first part that ends. One heartbeat that raises ConnectorException then
# ends all heartbeats, with a line in the log only when the worker is stopped; it still fetches and does jobs. After 30
# seconds others count it as stalled, and its jobs as free to be done again. Printed: 2 heartbeats in 1.5 seconds, the
# worker stopped: False, jobs that it did after that: [1].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check procrastinate==3.10.0 'psycopg[binary]==3.3.9'
cat > "$folder/program.py" <<'PY'
import asyncio
import importlib.metadata
import logging

from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.testing import InMemoryConnector
from procrastinate.worker import Worker

print("procrastinate", importlib.metadata.version("procrastinate"))
logging.basicConfig(level=logging.WARNING)


class AwayForAMoment(InMemoryConnector):
    """A database that does not take the second heartbeat."""

    beats = 0

    async def update_heartbeat_run(self, worker_id: int) -> None:
        self.beats += 1
        if self.beats == 2:
            raise ConnectorException("the database was away for a moment")
        await super().update_heartbeat_run(worker_id)


done = []
connector = AwayForAMoment()
app = App(connector=connector)


@app.task
def work(number):
    done.append(number)


async def main():
    async with app.open_async():
        worker = Worker(app, update_heartbeat_interval=0.05, fetch_job_polling_interval=0.05)
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(1.0)  # twenty heartbeats
        await work.defer_async(number=1)
        await asyncio.sleep(0.5)
        print("heartbeats that were tried in 1.5 seconds, one each 0.05:", connector.beats)
        print("the worker stopped:", running.done(), "- jobs that it did after that:", done)
        worker.stop()
        await running
    assert connector.beats == 2, "there were others: this has changed"
    assert done == [1], "the worker ended: this has changed"


asyncio.run(main())
PY
"$folder/venv/bin/python" "$folder/program.py"

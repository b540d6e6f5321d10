"""A warm process without TensorFlow, for what is tested of warm processes alone; its children know two tasks."""

import sys
import time
from typing import Any

from core.worker import Worker


class LightWorker(Worker):
    """A worker whose warm process has no TensorFlow."""

    PROGRAM = "tests.factories.light_forkserver"


def echo(report: Any, arrays: Any, **words: Any) -> tuple[dict[str, Any], None]:
    return words, None


def wait(report: Any, arrays: Any, *, for_seconds: float) -> tuple[dict[str, Any], None]:
    report({})
    time.sleep(for_seconds)
    return {"waited": for_seconds}, None


def main(*arguments: str) -> None:
    from core.worker import forkserver, serve
    from core.worker.tasks.registry import TASKS

    TASKS.update({"echo": echo, "wait": wait})
    forkserver.import_everything = serve.start_tensorflow = serve.warm_up_once = lambda: None
    forkserver.main(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])

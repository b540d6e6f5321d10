"""A warm process whose children also know tasks of the tests: they wait, compute, print, ask for memory, touch files,
end or give a wrong reply, each within bounds of its own.

What becomes of such a child is thus tested without a file that would make it do so. In each step of an import
a child can do so as well: see `misbehave`.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.error_translation import translate
from core.errors import DoesNotLoad
from core.worker import Child, Worker

Reply = tuple[dict[str, Any], dict[str, np.ndarray] | None]
IMPORT_TASKS = ("inspect_brought", "load_imported", "predict")
PREPARING_TASKS = ("prepare_reload",)  # on which no verdict depends
COPY_TASKS = ("reload", "probe", "measure", "load", "save")  # what else a child does with a copy
SECONDS = 5.0  # that a late or busy child takes
LIMIT_SECONDS = 1.0  # that it is given
LIMIT_GB = 1.25  # of memory, which a greedy or hungry one is given
MIB_BY_ROW = 20  # that a hungry one holds
HOLD_SECONDS = 0.3  # for which it does
ROW_SECONDS = 0.2  # that a sluggish one takes for a row by itself


class MisbehavingWorker(Worker):
    """A worker whose children know the tasks of this module."""

    PROGRAM = "tests.factories.misbehaving_worker"


def wait(report: Any, arrays: Any, *, seconds: float = SECONDS) -> Reply:
    """Reply after so many seconds."""
    time.sleep(seconds)
    return {}, None


def compute(report: Any, arrays: Any, *, seconds: float = SECONDS) -> Reply:
    """Use so many seconds of the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return {}, None


def ask_memory(report: Any, arrays: Any, *, gib: float, held_seconds: float = 0.0) -> Reply:
    """Have TensorFlow ask for memory, and hold it for so many seconds. Raises DoesNotLoad where it is not given."""
    import tensorflow as tf

    def hold() -> dict[str, Any]:
        tensor = tf.zeros([int(gib * 2**28)])
        time.sleep(held_seconds)
        return {"bytes": int(tf.size(tensor)) * 4}

    return _by_tensorflow(hold)


def print_lines(report: Any, arrays: Any, *, lines: int) -> Reply:
    """Print so many lines of a kilobyte."""
    for _ in range(lines):
        os.write(2, b"word " * 200 + b"\n")
    return {"lines": lines}, None


def reply_with(report: Any, arrays: Any, *, mib: int) -> Reply:
    """A reply of so many MiB."""
    return {}, {"y": np.zeros(mib * 2**20, "uint8")}


def write_files(report: Any, arrays: Any, *, folder: str, count: int) -> Reply:
    """Have TensorFlow write files at once, by whichever of its threads are free."""
    import tensorflow as tf

    @tf.function
    def write():
        for index in range(count):
            tf.io.write_file(os.path.join(folder, f"canary-{index}"), "x")

    return _by_tensorflow(lambda: {"written": write() is None})


def read_file(report: Any, arrays: Any, *, path: str) -> Reply:
    """Have TensorFlow read a file."""
    import tensorflow as tf

    return _by_tensorflow(lambda: {"text": tf.function(tf.io.read_file)(path).numpy().decode()})


def _by_tensorflow(do: Callable[[], dict[str, Any]]) -> Reply:
    try:
        return do(), None
    except Exception as error:
        raise translate(error, DoesNotLoad) from error


def register_class(report: Any, arrays: Any, *, registers: bool) -> Reply:
    """Load nothing, and leave behind a class that is registered with Keras, or not; says which process it is."""
    import keras

    from core.worker.child_reuse import note_first_load

    note_first_load()
    if registers:
        keras.saving.register_keras_serializable()(type("LeftBehind", (keras.layers.Layer,), {}))
    return {"pid": os.getpid()}, None


def end(report: Any, arrays: Any, **_: Any) -> Reply:
    """End without a reply."""
    os._exit(0)


def abort(report: Any, arrays: Any, **_: Any) -> Reply:
    """End as by an error in a library."""
    os.abort()


def fault(report: Any, arrays: Any, **_: Any) -> Reply:
    """End as by an access to memory that is none."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}, None


TASKS_OF_TESTS = (
    wait,
    compute,
    ask_memory,
    print_lines,
    reply_with,
    write_files,
    read_file,
    register_class,
    end,
    abort,
    fault,
)


# As a step of an import, or of something else that is done with a copy


def late(do: Callable[..., Reply]) -> Callable[..., Reply]:
    return lambda *arguments, **request: (wait(*arguments), do(*arguments, **request))[1]


def busy(do: Callable[..., Reply]) -> Callable[..., Reply]:
    return lambda *arguments, **request: (compute(*arguments), do(*arguments, **request))[1]


def greedy(do: Callable[..., Reply]) -> Callable[..., Reply]:
    """Ask for more than it may use, and hold that."""
    hold = partial(ask_memory, gib=1.5 * LIMIT_GB, held_seconds=SECONDS)
    return lambda *arguments, **request: (hold(*arguments), do(*arguments, **request))[1]


def hungry(do: Callable[..., Reply]) -> Callable[..., Reply]:
    """Hold some memory for each row that is asked at once, while it is predicted."""
    return lambda *arguments, **request: _with_prediction(_hold_memory_by_row, do, *arguments, **request)


def sluggish(do: Callable[..., Reply]) -> Callable[..., Reply]:
    """Take its time for each row that is asked alone."""
    return lambda *arguments, **request: _with_prediction(_wait_for_single_row, do, *arguments, **request)


def _with_prediction(before: Callable[[int], None], do: Callable[..., Reply], *arguments: Any, **request: Any) -> Reply:
    """Do a task, with something that is done before each prediction, by its number of rows."""
    from core.runtimes import base
    from core.worker.tasks import predict, save_reload

    def predict_in_batches(predictor: Any, inputs: Any, batch: int = base.BATCH_SIZE) -> Any:
        before(min(batch, base.count_rows(inputs)))
        return base.predict_in_batches(predictor, inputs, batch)

    for module in (predict, save_reload):
        module.predict_in_batches = predict_in_batches
    return do(*arguments, **request)


def _hold_memory_by_row(rows: int) -> None:
    held = np.ones(rows * MIB_BY_ROW * 2**20, "uint8")
    time.sleep(HOLD_SECONDS)
    del held


def _wait_for_single_row(rows: int) -> None:
    time.sleep(ROW_SECONDS if rows == 1 else 0)


def dead(do: Callable[..., Reply]) -> Callable[..., Reply]:
    return end


def crashing(do: Callable[..., Reply]) -> Callable[..., Reply]:
    return abort


def faulting(do: Callable[..., Reply]) -> Callable[..., Reply]:
    return fault


def lying(do: Callable[..., Reply]) -> Callable[..., Reply]:
    """Reply with other facts than were requested, and one row too many."""

    def reply(*arguments: Any, **request: Any) -> Reply:
        _, arrays = do(*arguments, **request)
        return {"seconds": 0.0}, {name: np.repeat(array, 2, axis=0) for name, array in (arrays or {}).items()}

    return reply


MISBEHAVIOURS = (late, busy, greedy, dead, crashing, lying)


@contextlib.contextmanager
def misbehave(way: str, step: str, folder: Path | None = None) -> Iterator[None]:
    """Have children do a task in that way, for the files in `folder` alone where one is given.

    A late or busy child has one second of the clock or of the processor for it, a greedy or hungry one little memory.
    """
    send_request = Child.request

    def request_misbehaving(self: Child, task: str, **request: Any) -> Any:
        if task != step or folder not in (None, request.get("folder")):
            return send_request(self, task, **request)
        if way == "late":
            request["seconds"] = LIMIT_SECONDS
        if way == "busy":
            self.config = self.config.model_copy(update={"confined_cpu_seconds": int(LIMIT_SECONDS)})
        if way in ("greedy", "hungry"):
            self.config = self.config.model_copy(update={"confined_gb": LIMIT_GB, "child_gb": LIMIT_GB})
        return send_request(self, f"{task}, {way}", **request)

    Child.request = request_misbehaving
    try:
        yield
    finally:
        Child.request = send_request


def main(*arguments: str) -> None:
    from core.worker import forkserver
    from core.worker.tasks.registry import TASKS

    TASKS.update({task.__name__: task for task in TASKS_OF_TESTS})
    TASKS.update(
        {
            f"{step}, {way.__name__}": way(TASKS[step])
            for step in IMPORT_TASKS + PREPARING_TASKS + COPY_TASKS
            for way in (*MISBEHAVIOURS, faulting, hungry, sluggish)
        }
    )
    forkserver.main(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])

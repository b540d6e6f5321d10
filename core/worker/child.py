"""The life of one child: say hello, answer requests one after another, leave when the app hangs up.

Forked from the warm process, or started by itself (`python -m core.worker.child`) where there is no fork.
"""

import os
import sys
import time
from typing import BinaryIO

from core.errors import RoundtripError, WorkerError
from core.explain import translate
from core.settings import settings
from core.worker.channel import read_frame, write_frame
from core.worker.limits import limit_child


def serve(stream_in: BinaryIO, stream_out: BinaryIO) -> None:
    """Answer each request frame `{"task", "args"}` with progress frames and one `{"ok"}` or `{"error"}` frame."""
    limit_child(int(settings().child_gib * 2**30))
    _wake_tensorflow()
    write_frame(stream_out, {"hello": os.getpid()})
    while (frame := read_frame(stream_in, settings().reply_mib * 2**20)) is not None:
        _answer(frame.message, frame.arrays, stream_out)


def _wake_tensorflow() -> None:
    """Make TensorFlow's runtime in this process, before anybody waits for it. The warm process must run no op."""
    import tensorflow as tf

    tf.constant(0.0) + 1.0


def _answer(message: dict, arrays: dict, out: BinaryIO) -> None:
    from core.worker.tasks import TASKS

    def report(progress: dict) -> None:
        write_frame(out, {"progress": progress})

    try:
        facts, answers = TASKS[message["task"]](report, arrays, **message["args"])
        write_frame(out, {"ok": facts}, answers)
    except BrokenPipeError:
        raise
    except RoundtripError as error:
        write_frame(out, {"error": error.to_json()})
    except Exception as error:  # noqa: BLE001  whatever a library throws must reach the app as a sentence, not end this child
        write_frame(out, {"error": translate(error, WorkerError).to_json()})


def main() -> None:
    """Serve over standard input and output; whatever a library prints goes to standard error instead."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    started = time.perf_counter()
    import tensorflow  # noqa: F401  the import is what takes time

    print(f"TensorFlow imported in {time.perf_counter() - started:.1f} s", file=sys.stderr)
    serve(sys.stdin.buffer, out)


if __name__ == "__main__":
    main()

"""Main loop of a child.

The life of one child: answer requests one after another, leave when the app hangs up.

Forked from the warm process, or started by itself (`python -m core.worker.serve`) where there is no fork.
"""

import os
import select
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from core.errors import RoundtripError, WorkerError
from core.explain import translate
from core.sandbox import confine
from core.sandbox.limits import limit_child_memory
from core.settings import get_settings
from core.worker.protocol import read_frame, write_frame
from core.worker.warmup import start_tensorflow, warm_up_once


def serve_requests(stream_in: BinaryIO, stream_out: BinaryIO, exchange_folder: str = "") -> None:
    """Answer each request frame `{"task", "args"}` with progress frames and one `{"ok"}` or `{"error"}` frame.

    With `box`, the folder of a confined child, nothing is answered before this process is confined, which is said
    first; then not one thread of TensorFlow's goes free.
    """
    if exchange_folder:
        _confine_process(Path(exchange_folder), stream_out)
    else:
        limit_child_memory(int(get_settings().child_gib * 2**30))
    start_tensorflow()
    if not _has_pending_request(stream_in):
        warm_up_once()
    try:
        while (frame := read_frame(stream_in, get_settings().reply_mib * 2**20, "What a child was asked")) is not None:
            _handle_request(frame.message, frame.arrays, stream_out)
    except WorkerError as error:  # what follows in the stream is no frame, so it was the last
        write_frame(stream_out, {"error": error.to_json()})


def _confine_process(exchange_folder: Path, stream_out: BinaryIO) -> None:
    """Go into the box, and say so; where that fails, say why, and end unless the owner wants it run all the same."""
    tempfile.tempdir = str(exchange_folder / "out")
    try:
        confine(exchange_folder / "in", exchange_folder / "out", get_settings())
        why = ""
    except (OSError, AttributeError, ImportError) as error:  # the last two: a system that is no Linux
        why = str(error) or type(error).__name__
    write_frame(stream_out, {"confined": not why, "why": why})
    if why and not get_settings().run_unconfined:
        sys.exit(1)


def _has_pending_request(stream_in: BinaryIO) -> bool:
    """Whether a request waits already. Windows cannot tell of a pipe; there, one always may."""
    return os.name == "nt" or bool(select.select([stream_in], [], [], 0)[0])


def _handle_request(message: dict, arrays: dict, out: BinaryIO) -> None:
    from core.worker.tasks.registry import TASKS

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


def main(exchange_folder: str = "") -> None:
    """Serve over standard input and output; whatever a library prints goes to standard error instead."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve_requests(sys.stdin.buffer, out, exchange_folder)


if __name__ == "__main__":
    main(*sys.argv[1:])

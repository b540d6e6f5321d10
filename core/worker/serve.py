"""Main loop of a child: it does one request after another, and ends when the app hangs up.

Forked from the forkserver, or started by itself (`python -m core.worker.serve`) where there is no fork.
"""

import os
import select
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from core.arrays import Arrays
from core.error_translation import translate
from core.errors import RoundtripError, WorkerError
from core.sandbox import confine
from core.sandbox.limits import address_space_for, limit_child_memory, own_memory
from core.settings import MB, get_settings
from core.worker.protocol import FrameLimit, read_frame, write_frame
from core.worker.warmup import start_tensorflow, warm_up_once

_reloaded: list[str] = []  # the format of the copy that was reloaded last, which a probe is asked of


def serve_requests(stream_in: BinaryIO, stream_out: BinaryIO, exchange_folder: str = "") -> None:
    """Reply to each request frame `{"task", "args"}` with progress frames and one `{"ok"}` or `{"error"}` frame.

    With `exchange_folder`, that of a sandboxed child, this process confines itself first and says so: then no thread of
    TensorFlow's is outside of the sandbox.
    """
    config = get_settings()
    if exchange_folder:
        _confine_process(Path(exchange_folder), stream_out)
    else:
        limit_child_memory(address_space_for(own_memory(config)))
    limit = FrameLimit(config.reply_mb * MB, "ROUNDTRIP_REPLY_MB")
    if not _has_pending_request(stream_in):
        start_tensorflow()
        warm_up_once()
    try:
        while (frame := read_frame(stream_in, limit, "What a child was asked")) is not None:
            _handle_request(frame.message, frame.arrays, stream_out)
    except WorkerError as error:  # what follows in the stream is no frame, so it was the last
        write_frame(stream_out, {"error": error.to_json()})


def _confine_process(exchange_folder: Path, stream_out: BinaryIO) -> None:
    """Confine this process, and report it; where that fails, end, unless the settings allow to run unconfined."""
    tempfile.tempdir = str(exchange_folder / "out")
    reason = ""
    try:
        confine(exchange_folder / "in", exchange_folder / "out", get_settings())
    except (OSError, AttributeError, ImportError) as error:  # the last two: a system that is no Linux
        reason = str(error) or type(error).__name__
    write_frame(stream_out, {"confined": not reason, "why": reason})
    if reason and not get_settings().run_unconfined:
        sys.exit(1)


def _has_pending_request(stream_in: BinaryIO) -> bool:
    """Whether a request waits already. Windows cannot tell of a pipe; there, one always may."""
    return os.name == "nt" or bool(select.select([stream_in], [], [], 0)[0])


def _handle_request(message: dict[str, Any], arrays: Arrays, stream_out: BinaryIO) -> None:
    from core.worker.tasks.registry import TASKS

    def report(progress: dict[str, Any]) -> None:
        write_frame(stream_out, {"progress": progress})

    try:
        if message["task"] == "reload":
            _reloaded[:] = [message["args"]["format"]]
        if _is_done_by_tensorflow(message):
            start_tensorflow()  # here, so that no task counts it as its own time
        facts, reply_arrays = TASKS[message["task"]](report, arrays, **message["args"])
        write_frame(stream_out, {"ok": facts}, reply_arrays)
    except BrokenPipeError:
        raise
    except RoundtripError as error:
        write_frame(stream_out, {"error": error.to_json()})
    except Exception as error:  # noqa: BLE001  whatever a library throws must reach the app as a sentence, not end this child
        write_frame(stream_out, {"error": translate(error, WorkerError).to_json()})


def _is_done_by_tensorflow(message: dict[str, Any]) -> bool:
    """Whether TensorFlow does a task, or may: not where a copy comes back in another runtime, or is probed in it."""
    from core.formats import get_format

    is_of_copy = message["task"] in ("reload", "probe") and bool(_reloaded)
    return not is_of_copy or get_format(_reloaded[0]).runs_on_tensorflow


def main(exchange_folder: str = "") -> None:
    """Serve over standard input and output; whatever a library prints goes to standard error instead."""
    stream_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve_requests(sys.stdin.buffer, stream_out, exchange_folder)


if __name__ == "__main__":
    main(*sys.argv[1:])

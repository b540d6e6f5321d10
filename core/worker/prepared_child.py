"""A child that loads a copy while it is not known yet what the copy will be asked: nobody waits for that load."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.errors import RoundtripError
from core.runtimes.base import ModelSource
from core.worker.child_handle import CancelCheck, Child
from core.worker.worker import Worker

PreparedChild = Future[Child | None]  # None where the copy could not be loaded: a fresh child will say why


@contextlib.contextmanager
def prepared_child(
    worker: Worker,
    format: str,
    folder: Path,
    source: ModelSource | None,
    *,
    sandboxed: bool,
    seconds: float,
    cancelled: CancelCheck,
) -> Iterator[PreparedChild]:
    """Load a copy in a fresh child, beside whatever is done meanwhile; at the end the child is closed."""
    is_over = threading.Event()
    request: dict[str, Any] = {"format": format, "folder": folder, "source": source, "seconds": seconds}
    request["cancelled"] = lambda: is_over.is_set() or cancelled()
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(_prepare, worker, sandboxed, request)
        try:
            yield future
        finally:
            is_over.set()
            if child := future.result():
                child.close()


def _prepare(worker: Worker, sandboxed: bool, request: dict[str, Any]) -> Child | None:
    try:
        with contextlib.ExitStack() as stack:
            child = stack.enter_context(worker.open(request["cancelled"], sandboxed))
            child.request("prepare_reload", **request)
            stack.pop_all()
            return child
    except (RoundtripError, OSError):  # the latter where its files cannot be lent
        return None

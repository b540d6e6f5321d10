"""A child that loads a copy while it is not known yet what the copy will be asked: nobody waits for that load."""

import contextlib
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import RoundtripError
from core.runtimes.base import ModelSource
from core.worker.child_handle import CancelCheck, Child
from core.worker.worker import Worker

SHARE_OF_TWO = 0.5  # of the memory of a sandboxed child, for each of two that load the same file at the same time


class PreparedCopy(NamedTuple):
    """A child that has loaded a copy for one request, and the id by which that request asks for it."""

    child: Child
    id: str


PreparedChild = Future[PreparedCopy | None]  # None where the copy could not be loaded: a fresh child will say why


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
    """Load a copy in a fresh child, beside whatever is done meanwhile; at the end the child is closed.

    Meanwhile it may use half of the memory of a child (`SHARE_OF_TWO`).
    """
    is_over = threading.Event()
    request: dict[str, Any] = {"format": format, "folder": folder, "source": source, "seconds": seconds}
    request["cancelled"] = lambda: is_over.is_set() or cancelled()
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(_prepare, worker, sandboxed, request)
        try:
            yield future
        finally:
            is_over.set()
            if prepared := future.result():
                prepared.child.close()


def _prepare(worker: Worker, sandboxed: bool, request: dict[str, Any]) -> PreparedCopy | None:
    id_ = secrets.token_hex(8)
    try:
        with contextlib.ExitStack() as stack:
            child = stack.enter_context(worker.open(request["cancelled"], sandboxed))
            child.memory_share = SHARE_OF_TWO
            child.request("prepare_reload", prepared=id_, **request)
            stack.pop_all()
            return PreparedCopy(child, id_)
    except (RoundtripError, OSError):  # the latter where its files cannot be lent
        return None

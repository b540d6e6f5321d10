"""Children that are there before they are needed: kept for the next task of a job, or loading a copy ahead of it."""

import contextlib
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from core.errors import Cancelled, RoundtripError
from core.runtimes.base import ModelSource
from core.worker.child_handle import CancelCheck, Child, never_cancelled
from core.worker.protocol import Frame
from core.worker.worker import Worker

MAX_SUBJECTS = 64  # models that one child is given: what they leave in its memory is bounded
UNLOAD_SECONDS = 60.0  # in which a child has let go of a model

Result = TypeVar("Result")
SHARE_OF_TWO = 0.5  # of the memory of a sandboxed child, for each of two that load the same file at the same time


class ChildPool:
    """Children that have done a task well and wait for the next; all end with the pool.

    What fails in such a child is done once more in a fresh one, so nothing that came before it can be its cause.
    """

    def __init__(self, worker: Worker):
        self._worker = worker
        self._waiting: list[Child] = []
        self._subjects: dict[Child, set[str]] = defaultdict(set)  # that each child has seen
        self._lock = threading.Lock()

    def run(self, task: str, **request: Any) -> Frame:
        """Do one task. Raises as `Worker.run`."""
        cancelled = request.get("cancelled", never_cancelled)
        return self._use("", lambda child: child.request(task, **request), cancelled, self._waiting.append)

    def use_for(self, subject: str, action: Callable[[Child], Result], cancelled: CancelCheck) -> Result:
        """Do something about a subject, a run, in a child that may have loaded others before and has never seen this.

        A child that is not as it was before its first load is given no second. Raises as `Worker.use_child`.
        """
        return self._use(subject, action, cancelled, partial(self._keep_clean, subject, cancelled))

    def _use(
        self,
        subject: str,
        action: Callable[[Child], Result],
        cancelled: CancelCheck,
        keep: Callable[[Child], object],
    ) -> Result:
        """Do something in a child that waits; in a fresh one where there is none, or where it failed, since that may
        be of its past."""
        if child := self._take(subject):
            try:
                return self._worker.act_in(child, action, keep)
            except Cancelled:
                raise
            except RoundtripError:
                self._subjects.pop(child, None)
        return self._worker.use_child(action, cancelled, keep=keep)

    def _keep_clean(self, subject: str, cancelled: CancelCheck, child: Child) -> None:
        self._subjects[child].add(subject)
        if len(self._subjects[child]) < MAX_SUBJECTS and _unload(child, cancelled):
            self._waiting.append(child)
        else:
            del self._subjects[child]
            child.close()

    def _take(self, subject: str = "") -> Child | None:
        """A child that waits and has not seen a subject; None where there is none."""
        with self._lock:
            child = next((child for child in self._waiting if subject not in self._subjects[child]), None)
            if child:
                self._waiting.remove(child)
            return child

    def close(self) -> None:
        while self._waiting:
            self._waiting.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def _unload(child: Child, cancelled: CancelCheck) -> bool:
    """Have a child let go of what it has loaded; whether it is then as it was before."""
    try:
        return child.request("unload", seconds=UNLOAD_SECONDS, cancelled=cancelled).message["is_clean"] is True
    except RoundtripError:
        return False


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

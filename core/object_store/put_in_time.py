"""How long contents may wait for the manifest that lists them, and what becomes of those that waited longer."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from core.errors import cleanup_on_error

MAX_WAIT_SECONDS = 12 * 3600.0  # well within the day that a collection waits at least
ResultT = TypeVar("ResultT")


class Stopwatch:
    """Seconds since it was made, by whichever clock says more: one stands still while a machine sleeps, and the other
    can be set."""

    def __init__(self) -> None:
        self._began = time.monotonic(), time.time()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._began[0], time.time() - self._began[1])


class Putting(Generic[ResultT]):
    """Contents that are put, or seen to be there, and that no manifest lists yet; `result` is what `put` returned."""

    def __init__(self, put: Callable[[], ResultT]):
        self._put = put
        self.result = self._put_in_time()

    def _put_in_time(self) -> ResultT:
        """Put the contents, once more where that took so long that a collection may have deleted the first of them."""
        while True:
            self._stopwatch = Stopwatch()
            result = self._put()
            if not self._is_late():
                return result

    def _is_late(self) -> bool:
        return self._stopwatch.seconds > MAX_WAIT_SECONDS

    def renew(self) -> None:
        """Put the contents once more if this process stood still."""
        if self._is_late():
            self.result = self._put_in_time()

    @contextlib.contextmanager
    def listed(self, withdraw: Callable[[], object]) -> Iterator[None]:
        """While manifests are put: contents are renewed before, so that who is killed right after it leaves whole
        entries, and when the manifests are there.

        Where contents that may be gone cannot be put once more, `withdraw` deletes the manifests that list them.
        """
        self.renew()
        with cleanup_on_error(lambda: self._is_late() and withdraw()):
            yield
        with cleanup_on_error(withdraw):
            self.renew()

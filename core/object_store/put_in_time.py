"""How long contents may wait for the manifest that lists them, and what becomes of those that waited longer."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

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
        """Put the contents once more if this process stood still. Call it before the manifest, so that one that is
        killed right after it leaves a whole entry, and when it is there."""
        if self._is_late():
            self.result = self._put_in_time()

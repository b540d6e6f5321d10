"""How many children of live sessions there may be at once."""

import threading
from typing import Protocol


class ChildSession(Protocol):
    """A session that keeps a child loaded for each of `ids`."""

    ids: list[str]

    def close(self) -> None: ...


class SessionLimiter:
    """Limit loaded children across sessions; the least recently used sessions are closed. One alone may have more."""

    def __init__(self, max_children: int):
        self._max_children = max_children
        self._lock = threading.Lock()
        self._sessions: dict[int, ChildSession] = {}  # by identity, the least recently used first

    def touch(self, session: ChildSession) -> None:
        """Note that a session is used now, and close as many others as must make room.

        The caller holds no lock: closing a session waits until its predictions are made.
        """
        with self._lock:
            self._sessions.pop(id(session), None)
            evicted = []
            while self._sessions and self._loaded_children + len(session.ids) > self._max_children:
                evicted.append(self._sessions.pop(next(iter(self._sessions))))
            self._sessions[id(session)] = session
        for least_used in evicted:
            least_used.close()

    @property
    def _loaded_children(self) -> int:
        return sum(len(session.ids) for session in self._sessions.values())

    def remove(self, session: ChildSession) -> None:
        """Note that a session has no loaded children any more."""
        with self._lock:
            self._sessions.pop(id(session), None)

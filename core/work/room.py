"""How many children stay loaded at once: whoever was asked longest ago makes room for those who are asked now."""

import threading
from typing import Protocol


class Holder(Protocol):
    """Somebody who keeps children loaded, one for each of `ids`."""

    ids: list[str]

    def close(self) -> None: ...


class Room:
    """Room for `most` children that stay loaded, whoever holds them; a single holder may have more."""

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._inside: dict[int, Holder] = {}  # by identity, the one asked longest ago first

    def enter(self, holder: Holder) -> None:
        """Note that it is asked now, and close as many others as must make room. The caller holds no lock: closing one
        waits until it has answered."""
        with self._lock:
            self._inside.pop(id(holder), None)
            leaving = []
            while self._inside and self._children + len(holder.ids) > self._most:
                leaving.append(self._inside.pop(next(iter(self._inside))))
            self._inside[id(holder)] = holder
        for one in leaving:
            one.close()

    @property
    def _children(self) -> int:
        return sum(len(one.ids) for one in self._inside.values())

    def leave(self, holder: Holder) -> None:
        """Note that it holds nothing any more."""
        with self._lock:
            self._inside.pop(id(holder), None)

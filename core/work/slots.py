"""Who may work now: some jobs side by side, or one that is timed, alone."""

import threading


class Slots:
    """Room for `most` jobs side by side, or for one alone. Safe to use from several threads."""

    def __init__(self, most: int):
        self._most = most
        self._inside = 0
        self._alone = False
        self._changed = threading.Condition()

    def enter(self, alone: bool, timeout: float) -> bool:
        """Take room, waiting for up to `timeout` seconds; whether there was any. One alone waits until all have left,
        and keeps nobody out before that."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(alone), timeout):
                return False
            self._inside += 1
            self._alone = alone
            return True

    def _has_room(self, alone: bool) -> bool:
        return self._inside == 0 if alone else self._inside < self._most and not self._alone

    def leave(self) -> None:
        """Give the room back."""
        with self._changed:
            self._inside -= 1
            self._alone = False
            self._changed.notify_all()

"""Changes that are announced, in a server of which several threads look at once."""

from core.library import Library
from core.object_store.entry_index import Announcement
from core.object_store.store_rows import _next_settled
from tests.team.conftest import MachineOpener


def test_announced_change_that_another_thread_has_settled_hides_no_list(open_machine: MachineOpener, monkeypatch):
    library: Library = open_machine()
    rows = library.entries.rows
    announced = [Announcement("due", "r0123456789", False), Announcement("not due", "r9876543210", False)]
    settled = _next_settled(None, float("inf"))
    monkeypatch.setattr(rows._index, "announced", lambda: announced)
    rows._settled = {"not due": settled}

    def settle(keys: set[str]) -> None:
        assert keys == {"r0123456789"}
        rows._settled = {}  # by another thread, for which the second one was not announced yet

    monkeypatch.setattr(rows, "settle", settle)
    rows._settle_announced()
    assert rows._settled.keys() == {"due", "not due"}

"""Days that pass for a store in a moment: by its clock, what lies in it was written so much earlier."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from core.object_store import ObjectStore
from core.object_store.object_store import StoredObject


class AgedStore:
    """A store whose objects grow older when they are told to."""

    def __init__(self, store: ObjectStore, patch: pytest.MonkeyPatch):
        self.store, self._ages = store, dict[str, float]()  # in days, by key
        real_list = ObjectStore.iterate_objects
        patch.setattr(ObjectStore, "iterate_objects", lambda *arguments: map(self._aged, real_list(*arguments)))
        for name in ("put_if_absent", "put_stream", "discard"):
            patch.setattr(ObjectStore, name, self._renewing(getattr(ObjectStore, name)))

    def _aged(self, each: StoredObject) -> StoredObject:
        return each._replace(written=each.written - timedelta(days=self._ages.get(each.key, 0)))

    def _renewing(self, real: Any) -> Any:
        def change(store: ObjectStore, key: str, *data: bytes | Iterable[bytes]) -> Any:
            if (changed := real(store, key, *data)) is not False:
                self._ages.pop(key, None)
            return changed

        return change

    def grow_older(self, days: float) -> None:
        for key in self.store.list_keys(""):
            self._ages[key] = self._ages.get(key, 0) + days

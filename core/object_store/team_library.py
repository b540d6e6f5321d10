"""Open the library that the settings name: a folder of one's own, or the one that a team shares in an object store."""

from pathlib import Path

from pydantic import Field

from core.errors import InputError
from core.library import Library, storage
from core.library.base import require_own_catalog
from core.library.catalog.catalog import Catalog
from core.library.storage import translate_disk_errors
from core.object_store.object_store import ObjectStore, open_object_store
from core.object_store.store_entries import StoreEntries
from core.record import Record
from core.settings import GB, Settings, get_settings, require_database_of_store

HOME_FILE = "store.json"  # in a home that caches a store


class HomeRecord(Record):
    """Of which store a home is the cache: what that is known by, and its address when it was first opened."""

    identity: str = Field(min_length=1)
    address: str = ""


def open_library(config: Settings | None = None) -> Library:
    """Open the library of the settings, or of the environment.

    Raises InputError where the addresses do not fit, or the home or the database belong to another library,
    StorageFailed where disk, store or database refuse.
    """
    config = require_database_of_store(config or get_settings())
    if not config.is_team:
        return Library(config.home, config.database_url)
    home = config.home.expanduser().resolve()
    store = open_object_store(config.store_url)
    store.claim()
    identity = store.identify()
    _claim_home(home, store, identity)
    catalog = Catalog(config.database_url)
    require_own_catalog(catalog, identity)
    return Library(home, shared=StoreEntries(home, store, catalog, config.cache_gb * GB))


def read_home_record(home: Path) -> HomeRecord | None:
    """Of which store a home is the cache; None where it is the library itself. Raises UnreadableRecord."""
    return HomeRecord.read(home / HOME_FILE) if (home / HOME_FILE).exists() else None


def _claim_home(home: Path, store: ObjectStore, identity: str) -> None:
    """A home caches one store. Raises InputError where it is that of another."""
    path = home / HOME_FILE
    with translate_disk_errors():
        home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            record = HomeRecord.model_validate({"identity": identity, "address": store.shown_address})
            storage.write_text_atomically(path, record.to_json_text())
    if (known := HomeRecord.read(path)).identity != identity:
        raise InputError(
            "The folder of this machine holds what was fetched from another store.",
            received=store.shown_address,
            cure=f"Set ROUNDTRIP_HOME to an empty folder for it; this one goes with {known.address}.",
        )

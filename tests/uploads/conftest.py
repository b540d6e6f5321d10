"""Uploads at places of the test's own: in a folder, and in a store that a team shares."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.object_store import open_object_store
from core.settings import Settings
from core.uploads import Uploads
from core.uploads.folder_place import FolderPlace
from core.uploads.place import UploadPlace
from core.uploads.store_place import StorePlace

UploadsOpener = Callable[..., Uploads]


@pytest.fixture
def upload_settings() -> Settings:
    """Small limits."""
    return Settings(upload_mb=1, uploads_total_mb=2, upload_hours=1)


def open_store_place(address: str) -> StorePlace:
    store = open_object_store(address, makes_folder=True)
    store.claim()
    store.identify()
    return StorePlace(store)


@pytest.fixture
def store_address(tmp_path: Path) -> str:
    """The address of a store."""
    return f"file://{tmp_path}/objects"


LONG = [pytest.param(name, marks=pytest.mark.long) for name in ("store on S3", "store on Azure")]


@pytest.fixture(params=["folder", "store", *LONG])
def open_place(request: pytest.FixtureRequest, tmp_path: Path, store_address: str) -> Callable[[], UploadPlace]:
    """A function that opens one place of each kind, each time as another process does."""
    if request.param == "folder":
        return lambda: FolderPlace(tmp_path / "uploads")
    make = {"store on S3": "make_bucket", "store on Azure": "make_container"}.get(request.param)
    address = request.getfixturevalue(make)() if make else store_address
    return lambda: open_store_place(address)


@pytest.fixture
def open_again(open_place: Callable[[], UploadPlace], upload_settings: Settings) -> UploadsOpener:
    """A function that opens the uploads as another process does, with more settings that it is given."""

    def open_(**settings: object) -> Uploads:
        return Uploads(open_place(), upload_settings.model_copy(update=settings))

    return open_


@pytest.fixture
def uploads(open_again: UploadsOpener) -> Uploads:
    return open_again()


@pytest.fixture
def folder_uploads(tmp_path: Path, upload_settings: Settings) -> Uploads:
    """Those in the folder `uploads`."""
    return Uploads(FolderPlace(tmp_path / "uploads"), upload_settings)

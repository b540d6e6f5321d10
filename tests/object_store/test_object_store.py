"""What a store promises, whatever lies under it: put if absent, whole or absent, and its faults in words."""

import base64
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from obstore.store import LocalStore

from core.error_translation import translate_store_error
from core.errors import Damaged, InputError, StorageFailed, UnreadableRecord
from core.library.annotation_files import AliasChange
from core.object_store import Contents, Documents, Manifest, Manifests, ObjectStore, Version, open_object_store
from core.object_store.documents import join_histories


def ignore(count: int) -> None:
    pass


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_manifest(id_: str, *files: tuple[str, bytes]) -> Manifest:
    rows = [{"path": path, "bytes": len(data), "sha256": sha256(data)} for path, data in files]
    return Manifest.model_validate({"schema": 1, "id": id_, "files": rows})


def test_of_many_writers_of_one_key_one_wins(object_store: ObjectStore):
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: object_store.put_if_absent("a/b", bytes([number])), range(8)))
    assert won.count(True) == 1
    assert object_store.get("a/b") == bytes([won.index(True)])


def test_absent_object_is_none(object_store: ObjectStore):
    assert (object_store.get("a/b"), object_store.size("a/b"), object_store.list_keys("a")) == (None, None, [])
    with pytest.raises(FileNotFoundError):
        list(object_store.stream("a/b"))


def test_keys_are_listed_below_a_folder_in_order(object_store: ObjectStore):
    for key in ("a/2", "a/1/x", "ab/1", "b"):
        object_store.put_if_absent(key, b"")
    assert object_store.list_keys("a") == ["a/1/x", "a/2"]


def test_stream_that_breaks_off_leaves_no_object(object_store: ObjectStore):
    def broken():
        yield b"x" * 6_000_000
        raise Damaged("It ends here.")

    with pytest.raises(Damaged):
        object_store.put_stream("a", broken())
    assert (object_store.get("a"), object_store.list_keys("")) == (None, [])
    object_store.put_stream("a", (bytes([number]) * 3_000_000 for number in range(3)))
    assert sha256(b"".join(object_store.stream("a"))) == sha256(b"".join(bytes([n]) * 3_000_000 for n in range(3)))


def test_place_with_other_things_is_not_claimed(object_store: ObjectStore):
    with pytest.raises(InputError, match="There is no store of Roundtrip"):
        object_store.require_marker()
    object_store.claim()
    object_store.require_marker()
    object_store.put_if_absent("entries/x.json", b"{}")
    object_store.claim()  # which it is already


def test_foreign_place_is_left_as_it_is(object_store: ObjectStore):
    object_store.put_if_absent("holiday.jpg", b"")
    with pytest.raises(InputError, match="Other things lie at this address"):
        object_store.claim()
    assert object_store.list_keys("") == ["holiday.jpg"]


def test_store_of_newer_schema_is_refused_in_words(object_store: ObjectStore):
    object_store.put_if_absent("roundtrip.json", b'{"schema": 3}')
    with pytest.raises(UnreadableRecord, match="has schema 3"):
        object_store.require_marker()


# Contents


def test_equal_files_are_stored_once(object_store: ObjectStore, tmp_path: Path):
    contents, (first, second) = Contents(object_store), (tmp_path / "1", tmp_path / "2")
    for path in (first, second):
        path.write_bytes(b"weights")
    counted: list[int] = []
    assert contents.put_file(first, sha256(b"weights"), counted.append) is True
    assert contents.put_file(second, sha256(b"weights"), counted.append) is False
    assert (counted, object_store.list_keys("contents")) == ([7, 7], [contents.key(sha256(b"weights"))])
    contents.fetch_file(sha256(b"weights"), tmp_path / "3", ignore)
    assert (tmp_path / "3").read_bytes() == b"weights"


@pytest.mark.parametrize("limit", [0, 7], ids=["in pieces", "in one request"])
def test_broken_contents_of_another_size_are_replaced(object_store: ObjectStore, tmp_path: Path, limit, monkeypatch):
    monkeypatch.setattr("core.object_store.contents.SMALL_BYTES", limit)
    contents, data = Contents(object_store), b"weights"
    (tmp_path / "1").write_bytes(data)
    object_store.put_if_absent(contents.key(sha256(data)), data[:3])
    assert contents.put_file(tmp_path / "1", sha256(data), ignore) is True
    contents.verify(sha256(data), ignore)
    assert contents.put_file(tmp_path / "1", sha256(data), ignore) is False


@pytest.mark.parametrize("size", [7, 6_000_000], ids=["small", "large"])
def test_file_with_another_hash_is_not_stored(object_store: ObjectStore, tmp_path: Path, size: int):
    (tmp_path / "1").write_bytes(b"x" * size)
    with pytest.raises(Damaged, match="The bytes of the file 1 are not those that were recorded"):
        Contents(object_store).put_file(tmp_path / "1", sha256(b"y" * size), ignore)
    assert object_store.list_keys("") == []


def test_changed_or_absent_contents_are_damage_when_fetched(object_store: ObjectStore, tmp_path: Path):
    contents = Contents(object_store)
    object_store.put_if_absent(contents.key(sha256(b"weights")), b"WEIGHTS")
    for fetch in (partial(contents.fetch_file, target=tmp_path / "1"), contents.verify):
        with pytest.raises(Damaged, match="their SHA-256 differs"):
            fetch(sha256(b"weights"), on_bytes=ignore)
        (tmp_path / "1").unlink(missing_ok=True)
        with pytest.raises(Damaged, match="Contents that a manifest lists are not in the store"):
            fetch(sha256(b"others"), on_bytes=ignore)
        (tmp_path / "1").unlink(missing_ok=True)


# Manifests


def test_entry_appears_once_and_is_never_replaced(object_store: ObjectStore):
    manifests = Manifests(object_store)
    first = make_manifest("a0123456789", ("files/model.bin", b"1"))
    later = first.model_copy(update={"created": "2026-01-01T00:00:00.000+00:00"})
    assert (manifests.read("a0123456789"), manifests.put(first), manifests.put(later)) == (None, "written", "present")
    assert manifests.put(make_manifest("a0123456789", ("files/model.bin", b"2"))) == "different"
    assert manifests.read("a0123456789").has_same_files(first)


def test_objects_that_are_not_ours_are_no_entries(object_store: ObjectStore):
    for name in ("readme.txt", "a0123456789", "a0123456789.json/x", "b0123456789.json"):
        object_store.put_if_absent(f"entries/{name}", b"?")
    Manifests(object_store).put(make_manifest("r0123456789"))
    assert Manifests(object_store).ids() == ["r0123456789"]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", ".", "a//b", "C:/x", "a\\b", "a\0b"])
def test_manifest_with_a_path_out_of_its_folder_is_refused(path: str):
    with pytest.raises(ValueError, match="no plain path"):
        make_manifest("a0123456789", (path, b"1"))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"schema": 1, "id": "a0123456789"}', b'{"schema": 9}'])
def test_broken_manifest_is_an_unreadable_record(object_store: ObjectStore, text: bytes):
    object_store.put_if_absent("entries/a0123456789.json", text)
    with pytest.raises(UnreadableRecord, match=r"The record a0123456789\.json"):
        Manifests(object_store).read("a0123456789")


# Documents


def test_document_keeps_every_version(object_store: ObjectStore):
    documents = Documents(object_store, "documents/a0123456789")
    assert (documents.latest("marks.json"), documents.names()) == (Version(0, None), [])
    assert [documents.replace("marks.json", text) for text in ("1", "1", None, None, "2")] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert documents.versions("marks.json") == [Version(1, "1"), Version(2, None), Version(3, "2")]
    assert (documents.names(), documents.append("marks.json", "3", after=2)) == (["marks.json"], False)


@pytest.fixture
def lost_answers(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store to which each answer is lost once: it is asked again, and finds that there is an object already."""
    real = ObjectStore.put_if_absent
    monkeypatch.setattr(ObjectStore, "put_if_absent", lambda *arguments: real(*arguments) and real(*arguments))
    return object_store


def test_writer_whose_answer_was_lost_knows_that_it_has_written(lost_answers: ObjectStore):
    documents, manifests = Documents(lost_answers, "aliases"), Manifests(lost_answers)
    appended = [documents.append("champion", text, at) for at, text in enumerate(("1", None, "1"))]
    assert (appended, documents.append("champion", "2", 0)) == ([True] * 3, False)
    assert documents.replace("champion", "2")
    assert [each.text for each in documents.versions("champion")] == ["1", None, "1", "2"]
    first = make_manifest("a0123456789", ("files/model.bin", b"1"))
    assert (manifests.put(first), manifests.put(make_manifest("a0123456789"))) == ("written", "different")


def test_writers_of_one_document_lose_no_version_of_each_other(object_store: ObjectStore):
    documents = Documents(object_store, "documents/a0123456789")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: documents.replace("marks.json", str(number)), range(8)))
    assert sorted(version.text for version in documents.versions("marks.json")) == [str(number) for number in range(8)]


# Faults


@pytest.mark.parametrize("address", ["", "models", "ftp://host/x", "s3:/models", "file://host/x", "file:", "file:x"])
def test_what_is_no_address_is_refused_in_words(address: str):
    with pytest.raises(InputError, match=r"This is no address of a store\..*Give s3://"):
        open_object_store(address)


def test_container_whose_account_is_not_named_says_how(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith(("AZURE_", "AZURITE_"))]:
        monkeypatch.delenv(name)
    with pytest.raises(InputError, match="in which storage account this container is") as caught:
        open_object_store("az://models/roundtrip")
    assert caught.value.received == "az://models/roundtrip"
    assert caught.value.cure.startswith("Set AZURE_STORAGE_ACCOUNT_NAME to its name")


@pytest.mark.parametrize("kind", ["s3", pytest.param("azure", marks=pytest.mark.long)])
def test_absent_bucket_is_told_from_an_absent_object(request: pytest.FixtureRequest, kind: str):
    request.getfixturevalue({"s3": "s3_variables", "azure": "azure_variables"}[kind])
    store = open_object_store({"s3": "s3", "azure": "az"}[kind] + "://no-such-bucket/roundtrip")
    for use in (
        lambda: store.get("a"),
        lambda: store.put_if_absent("a", b""),
        lambda: store.list_keys("a"),
        store.claim,
    ):
        with pytest.raises(StorageFailed, match="There is no such bucket"):
            use()


@pytest.mark.long
def test_wrong_key_of_an_azure_account_is_said(make_container, monkeypatch):
    address = make_container()
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"another").decode())
    with pytest.raises(StorageFailed, match="does not know these credentials") as caught:
        open_object_store(address).get("a")
    assert "AZURE_STORAGE_ACCOUNT_KEY" in caught.value.cure


def test_store_that_does_not_answer_is_said_with_its_address(s3_variables, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("core.object_store.object_store.RETRY", {"max_retries": 0})
    with pytest.raises(StorageFailed, match="The store did not answer") as caught:
        open_object_store("s3://models/roundtrip").get("a")
    assert (caught.value.received, caught.value.is_transient) == ("s3://models/roundtrip", True)
    assert "http" not in caught.value.sentence


def test_no_error_of_a_store_shows_what_may_be_a_secret(object_store: ObjectStore):
    object_store.put_if_absent("holiday.jpg", b"")
    store = ObjectStore(object_store._store, "s3://name:word@models/roundtrip?token=word#word")
    for use in (store.claim, store.require_marker, store.identify):
        with pytest.raises(InputError) as caught:
            use()
        assert (caught.value.received, "word" in str(caught.value.to_json())) == ("s3://models/roundtrip", False)
    said = "error sending request (https://name:word@models.example/a?sig=word&b=1)\nand https://x.example/b?c#word"
    error = translate_store_error(said, store.address)
    assert (error.received, "word" in str(error.to_json())) == ("s3://models/roundtrip", False)
    assert error.detail == "error sending request (https://models.example/a\nand https://x.example/b"


def test_refusal_that_is_not_known_is_not_taken_for_silence():
    """What obstore adds to it names how long it asks again."""
    said = "Generic S3 error: 400 Bad Request: no such type\n\nDebug source:\nGeneric { retry_timeout: 60s }"
    error = translate_store_error(said, "s3://models/roundtrip")
    assert (error.sentence, "Debug" in error.detail) == ("The store reported an error.", False)


def test_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed):
        open_object_store(f"file://{tmp_path}/file/store", makes_folder=True)


def test_obstore_takes_a_folder_that_is_gone_for_an_empty_store(tmp_path: Path):
    store = LocalStore(tmp_path / "share", mkdir=True)
    store.put("a/b", b"1")
    shutil.rmtree(tmp_path / "share")
    assert [item for items in store.list() for item in items] == []
    store.put("a/c", b"2")
    assert (tmp_path / "share" / "a" / "c").read_bytes() == b"2"


def test_store_that_was_identified_notices_that_it_is_another(object_store: ObjectStore):
    object_store.require_identified()  # nobody asked what it is
    object_store.claim()
    identity = object_store.identify()
    assert (len(identity), object_store.identify()) == (32, identity)
    object_store.require_identified()
    assert object_store.delete("roundtrip.json")
    with pytest.raises(StorageFailed, match="not where it was"):
        object_store.require_identified()
    object_store.claim()
    with pytest.raises(StorageFailed, match="another one lies there"):
        object_store.require_identified()
    with pytest.raises(StorageFailed, match="another one lies there"):
        object_store.identify()


def test_entry_that_needs_another_is_not_there_without_it(object_store: ObjectStore):
    manifests, run = Manifests(object_store), make_manifest("r0123456789")
    artifact = make_manifest("a0123456789").model_copy(update={"needs": run.id})
    assert manifests.put(artifact) == "written"
    assert (manifests.read_whole(artifact.id), manifests.read(artifact.id)) == (None, artifact)
    assert manifests.put(run) == "written"
    assert manifests.read_whole(artifact.id) == artifact
    assert (manifests.delete(run.id), manifests.delete(run.id), manifests.read(run.id)) == (True, False, None)


def test_documents_give_the_newest_numbers_and_are_deleted(object_store: ObjectStore):
    documents = Documents(object_store, "documents/a0123456789")
    for number in range(3):
        assert documents.append("marks.json", f"{number}", number)
    assert documents.append("removed.json", "{}", 0)
    object_store.put_if_absent("documents/a0123456789/marks.json/readme", b"")
    assert documents.numbers() == {"marks.json": 3, "removed.json": 1}
    documents.delete_all()
    assert (documents.numbers(), documents.latest("marks.json")) == ({}, Version(0, None))


def test_aliases_keep_their_order_whatever_the_clocks_said():
    first, second, other = (f"a000000000{digit}" for digit in "123")

    def version(number: int, alias: str, artifact: str | None, before: str | None, hour: int) -> Version:
        created = f"2026-11-30T{hour:02}:00:00+00:00"
        change = AliasChange(alias=alias, artifact=artifact, before=before, created=created)
        return Version(number, change.model_dump_json())

    champion = [
        version(1, "champion", first, None, 12),
        version(2, "champion", second, first, 9),
    ]
    dropped = [version(1, "old", other, None, 11), version(2, "old", None, other, 13), Version(3, "broken")]
    aliases = join_histories({"champion": champion, "old": dropped})
    assert aliases.aliases == {"champion": second}
    assert [(change.alias, change.artifact) for change in aliases.history] == [
        ("old", other),
        ("champion", first),
        ("champion", second),
        ("old", None),
    ]

"""A bucket that refuses, forgets who one is, is slow or silent, in the middle of what people do: said in one sentence
with what to do next, and nothing half done is seen by anybody (I1–I6)."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from core.errors import RoundtripError, StorageFailed, UnreadableRecord
from core.health import repair_library, verify_entries
from core.health.repairs import find_catalog_differences
from core.library import Library
from core.object_store import object_store
from tests.factories.faulty_proxies import LOST_ANSWER, LOST_REQUEST, BucketProxy, bucket_proxy
from tests.factories.library_entries import make_imported_artifact
from tests.parameter_pairs import drawn_values
from tests.team.conftest import MachineOpener

pytestmark = pytest.mark.trust
REFUSALS = {  # what a store answers, and what is said then
    (403, "ExpiredToken"): "The credentials for the store have expired",
    (403, "InvalidAccessKeyId"): "does not know these credentials",
    (403, "AccessDenied"): "refuses this to these credentials",
    (403, "RequestTimeTooSkewed"): "clock of this machine is not that of the store",
    (404, "NoSuchBucket"): "There is no such bucket",
    (503, "SlowDown"): "asked for fewer requests",
}
REQUESTS = 24  # that an import takes at most; the last ones are not reached


class Cloud(NamedTuple):
    """A store in a bucket behind a proxy, and machines over it."""

    proxy: BucketProxy
    open_machine: Callable[[str], Library]


@pytest.fixture
def cloud(
    open_machine: MachineOpener, make_bucket: Callable[[], str], s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """A store in a bucket, which is asked once and not again."""
    monkeypatch.setattr(object_store, "RETRY", {"max_retries": 0, "retry_timeout": timedelta(seconds=2)})
    store_url = make_bucket()
    with bucket_proxy(s3_address) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        yield Cloud(proxy, lambda name: open_machine(name, store_url=store_url))


def catch(action: Callable[[], object]) -> RoundtripError | None:
    try:
        action()
    except RoundtripError as error:
        return error
    return None


def assert_whole(library: Library) -> None:
    """I2–I4."""
    assert [row.id for row in verify_entries(library) if not row.is_intact] == []
    assert find_catalog_differences(library) == []
    assert repair_library(library) == []
    assert library.entries.find_unshared() == []


@pytest.mark.parametrize("number", drawn_values(range(REQUESTS), 6))
@pytest.mark.parametrize("answer", list(REFUSALS)[:1])
def test_store_that_refuses_in_the_middle_of_an_import_keeps_none_or_all(cloud: Cloud, answer, number):
    here, there = cloud.open_machine("here"), cloud.open_machine("there")
    first = make_imported_artifact(here, b"before")
    cloud.proxy.break_from(number, *answer)
    error = catch(lambda: make_imported_artifact(here, b"while it refuses"))
    cloud.proxy.mend()
    if error:
        assert REFUSALS[answer] in error.sentence
        assert error.cure
    kept = {entry.id for entry in there.find()}
    assert first.id in kept
    assert len(kept) == 2 if error is None else len(kept) <= 2
    assert kept == {entry.id for entry in here.find()}
    second = make_imported_artifact(here, b"afterwards")
    assert {entry.id for entry in there.find()} == kept | {second.id}
    for library in (here, there):
        assert_whole(library)


LOSSES = [(number, lost) for lost in (LOST_REQUEST, LOST_ANSWER) for number in range(REQUESTS)]


@pytest.mark.parametrize("is_asked_again", [True, False])
@pytest.mark.parametrize("loss", drawn_values(LOSSES, 48))
def test_line_to_the_store_that_breaks_leaves_an_import_whole(cloud: Cloud, monkeypatch, loss, is_asked_again):
    if is_asked_again:
        monkeypatch.setattr(object_store, "RETRY", {"max_retries": 3, "retry_timeout": timedelta(seconds=20)})
    here, there = cloud.open_machine("here"), cloud.open_machine("there")
    cloud.proxy.lose(*loss)
    error = catch(lambda: make_imported_artifact(here, b"while the line breaks"))
    assert error is None or (isinstance(error, StorageFailed) and error.cure)
    cloud.proxy.mend()
    kept = {entry.id for entry in there.find()}
    assert len(kept) == 1 if error is None else len(kept) <= 1
    second = make_imported_artifact(here, b"afterwards")
    for library in (here, there):
        assert {entry.id for entry in library.find()} == kept | {second.id}
        assert_whole(library)


@pytest.mark.parametrize("is_asked_again", [True, False])
@pytest.mark.parametrize("loss", drawn_values(LOSSES[:8] + LOSSES[REQUESTS : REQUESTS + 8], 16))
def test_line_to_the_store_that_breaks_changes_an_alias_once(cloud: Cloud, monkeypatch, loss, is_asked_again):
    if is_asked_again:
        monkeypatch.setattr(object_store, "RETRY", {"max_retries": 3, "retry_timeout": timedelta(seconds=20)})
    here, there = cloud.open_machine("here"), cloud.open_machine("there")
    first, second = make_imported_artifact(here, b"first").id, make_imported_artifact(here, b"second").id
    here.set_alias("champion", first)
    cloud.proxy.lose(*loss)
    before = []
    error = catch(lambda: before.append(here.set_alias("champion", second)))
    cloud.proxy.mend()
    there.rebuild_catalog()
    assert there.aliases().get("champion") in ((second,) if error is None else (first, second))
    assert before == ([first] if error is None else [])
    dropped = catch(lambda: cloud.proxy.lose(*loss) or here.drop_alias("champion"))
    assert dropped is None or isinstance(dropped, StorageFailed)
    cloud.proxy.mend()
    there.rebuild_catalog()
    assert there.aliases().get("champion") in ((None,) if dropped is None else (None, first, second))
    assert len(there.alias_history("champion")) <= 3


def test_import_takes_fewer_requests_than_are_tried(cloud: Cloud):
    here = cloud.open_machine("here")
    make_imported_artifact(here)
    before = cloud.proxy.count
    make_imported_artifact(here, b"again")
    assert 10 < cloud.proxy.count - before < REQUESTS


@pytest.mark.parametrize("answer", REFUSALS)
def test_each_refusal_is_said_with_what_to_do_next(cloud: Cloud, answer):
    here = cloud.open_machine("here")
    artifact = make_imported_artifact(here)
    there = cloud.open_machine("there")
    assert there.find() == here.find()
    cloud.proxy.break_from(0, *answer)
    for action in (
        lambda: cloud.open_machine("new"),
        lambda: make_imported_artifact(here),
        lambda: there.verified_folder(artifact.id),
        lambda: here.annotate(artifact.id, note="too late"),
        lambda: here.set_alias("champion", artifact.id),
        lambda: here.remove(artifact.id),
        here.rebuild_catalog,
    ):
        error = catch(action)
        assert isinstance(error, StorageFailed), action
        assert REFUSALS[answer] in error.sentence
        assert error.cure
    assert [entry.id for entry in here.find()] == [artifact.id]
    assert here.verified_folder(artifact.id).is_dir()  # what lies here is read
    cloud.proxy.mend()
    here.annotate(artifact.id, note="in time")
    there.verify(artifact.id)
    assert [entry.note for entry in there.find()] == ["in time"]
    assert_whole(here)


def test_store_that_asks_for_fewer_requests_is_asked_again(cloud: Cloud, monkeypatch):
    monkeypatch.setattr(object_store, "RETRY", {"max_retries": 3, "retry_timeout": timedelta(seconds=20)})
    here = cloud.open_machine("here")
    cloud.proxy.fault = lambda number: (503, "SlowDown") if number % 3 == 0 else None
    artifact = make_imported_artifact(here)
    here.verify(artifact.id)
    assert here.find()


def test_slow_store_gives_the_same(cloud: Cloud):
    here, there = cloud.open_machine("here"), cloud.open_machine("there")
    cloud.proxy.delay = 0.05
    artifact = make_imported_artifact(here)
    assert [entry.id for entry in there.find()] == [artifact.id]
    there.verify(artifact.id)


def test_silent_store_is_given_up_and_said(cloud: Cloud, monkeypatch):
    monkeypatch.setenv("AWS_TIMEOUT", "1s")
    here = cloud.open_machine("here")
    artifact = make_imported_artifact(here)
    cloud.proxy.delay = 3
    with pytest.raises(StorageFailed, match="The store did not answer"):
        here.annotate(artifact.id, note="nobody hears")
    cloud.proxy.delay = 0
    here.annotate(artifact.id, note="heard")
    assert_whole(here)


def test_store_of_a_newer_schema_is_not_opened(cloud: Cloud, s3_address: str):
    here = cloud.open_machine("here")
    text = here.entries.store.get("roundtrip.json").replace(b'"schema": 1', b'"schema": 3')
    here.entries.store.put_stream("roundtrip.json", [text])
    with pytest.raises(UnreadableRecord, match="has schema 3"):
        cloud.open_machine("there")

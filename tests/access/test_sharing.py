"""What is whose, what is shared, and who may change it."""

import json

import pytest

from core.errors import InputError, UnknownName
from core.exports.archive import take
from core.health import last_verified, repair, verify
from core.library import Query
from core.library.lineage import lineage
from tests.access.conftest import ADA, BO, keep
from tests.library.conftest import keep_artifact

pytestmark = pytest.mark.trust


def seen(jobs, whose: str = "") -> set[str]:
    return {entry.id for entry in jobs.library.page(Query(whose=whose)).entries}


def test_a_person_is_their_provider_and_its_name_for_them_and_never_what_they_are_called():
    assert BO.of("https://provider.example", "2", "Somebody").id == BO.id
    assert len({BO.of(*pair).id for pair in (("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "b c"))}) == 4


def test_what_a_person_makes_is_theirs_and_nobodys_is_everybodys(house, adas):
    nobodys = keep_artifact(house.library, house.library.run(adas.run).model_copy(update={"id": adas.run}))
    ada, bo = house.seen_by(ADA), house.seen_by(BO)
    assert house.library.artifact(adas.artifact).owner == ADA.id
    assert house.library.run(adas.run).owner == ADA.id
    assert nobodys.owner is None
    assert seen(ada) == {adas.artifact, nobodys.id}
    assert seen(bo) == set()  # of a run that is Ada's
    assert seen(house) == {adas.artifact, nobodys.id}


def test_entries_from_before_sign_in_are_seen_and_changed_by_everybody(house):
    old = keep(house)
    for person in (ADA, BO):
        jobs = house.seen_by(person)
        assert seen(jobs) == {old.artifact}
        assert jobs.journal.read(old.job).owner is None
        assert jobs.inputs.read(old.inputs).owner is None
        assert jobs.library.mark(old.artifact, note=person.name).note == person.name


def test_who_shares_a_copy_shares_its_run_and_takes_both_back(house, adas):
    ada, bo = house.seen_by(ADA), house.seen_by(BO)
    ada.library.mark(adas.artifact, shared=True)
    assert bo.library.run(adas.run).owner == ADA.id
    assert bo.library.files(adas.artifact).is_dir()
    assert (seen(bo), seen(bo, "mine"), seen(bo, "others")) == ({adas.artifact}, set(), {adas.artifact})
    assert (seen(ada, "mine"), seen(ada, "others")) == ({adas.artifact}, set())
    ada.library.mark(adas.run, shared=False)
    assert seen(bo) == set()
    with pytest.raises(UnknownName):
        bo.library.artifact(adas.artifact)


@pytest.mark.parametrize("change", ["mark", "tag", "point", "remove", "share"])
def test_what_is_shared_is_changed_by_its_owner_alone(house, adas, change):
    ada, bo = house.seen_by(ADA), house.seen_by(BO)
    ada.library.mark(adas.artifact, shared=True)
    changes = {
        "mark": lambda library: library.mark(adas.artifact, note="changed"),
        "tag": lambda library: library.tag([adas.artifact], ["changed"]),
        "point": lambda library: library.point("changed", adas.artifact),
        "remove": lambda library: library.remove(adas.artifact),
        "share": lambda library: library.mark(adas.artifact, shared=False),
    }
    before = house.library.find()
    with pytest.raises(InputError, match="another person's"):
        changes[change](bo.library)
    assert house.library.find() == before
    changes[change](ada.library)
    assert house.library.find() != before


def test_an_alias_of_another_is_neither_moved_nor_dropped_nor_resolved(house, adas):
    house.seen_by(ADA).library.point("champion", adas.artifact)
    bo = house.seen_by(BO)
    own = keep(bo, "Bo's")
    with pytest.raises(InputError, match="Another person uses this alias"):
        bo.library.point("champion", own.artifact)
    for ask in (bo.library.drop_alias, bo.library.resolve):
        with pytest.raises(UnknownName):
            ask("champion")
    assert house.library.aliases() == {"champion": adas.artifact}


def test_a_run_of_which_others_have_copies_is_not_removed(house, adas):
    ada, bo = house.seen_by(ADA), house.seen_by(BO)
    ada.library.mark(adas.run, shared=True)
    copy = keep_artifact(bo.library, bo.library.run(adas.run))
    with pytest.raises(InputError, match="Others have saved copies"):
        ada.library.remove(adas.run)
    assert copy.owner == BO.id
    assert seen(ada) == {adas.artifact}  # Bo's copy is Bo's
    assert bo.library.remove(copy.id) == [copy.id]
    assert ada.library.remove(adas.run) == [adas.artifact, adas.run]


def test_the_trash_is_its_owners(house, adas):
    ada, bo = house.seen_by(ADA), house.seen_by(BO)
    ada.library.mark(adas.artifact, shared=True)
    ada.library.remove(adas.run)
    assert bo.library.trash() == []
    with pytest.raises(UnknownName):
        bo.library.restore(adas.artifact)
    assert bo.library.empty_trash(0) == []
    assert ada.library.restore(adas.artifact) == [adas.run, adas.artifact]


def test_a_record_that_cannot_be_read_is_shown_to_no_person_and_to_the_command_line(house, adas):
    (house.library.folder(adas.artifact) / "artifact.json").write_text("{")
    fresh = type(house.library)(house.library.home)
    assert [entry.id for entry in fresh.find() if entry.problem] == [adas.artifact]
    assert fresh.seen_by(ADA).find() == []


def test_the_same_request_of_two_people_is_two_jobs(house, adas):
    asked = ["compare", {"artifacts": [], "sources": {}}, []]
    ids = {one._settle(*json.loads(json.dumps(asked))) for one in (house, house.seen_by(ADA), house.seen_by(BO))}
    assert len(ids) == 3


def test_the_same_inputs_of_two_people_are_two_sets(house):
    arrays = {"x": [[1.0]]}
    sets = [one.inputs.typed(arrays) for one in (house, house.seen_by(ADA), house.seen_by(BO))]
    assert len({one.id for one in sets}) == 3
    assert [one.owner for one in sets] == [None, ADA.id, BO.id]


def test_a_job_of_nobody_over_private_entries_is_not_shown(house, adas):
    job = house.journal.read(adas.job).model_copy(update={"id": "jaaaaaaaaaa", "owner": None})
    house.journal.begin(job)
    assert house.seen_by(ADA).journal.read(job.id).id == job.id
    with pytest.raises(UnknownName):
        house.seen_by(BO).journal.read(job.id)


def test_what_is_read_beside_the_library_asks_it_first(house, adas):
    bo = house.seen_by(BO)
    for ask in (lambda: lineage(bo.library, adas.artifact), lambda: take(bo.library, [adas.artifact])):
        with pytest.raises(UnknownName):
            ask()
    own = keep(bo, "Bo's")
    path = house.library.folder(own.artifact) / "artifact.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_from": adas.artifact}))
    assert [step.state for step in lineage(bo.library, own.artifact).made_from] == ["gone"]


def test_what_goes_over_everything_is_not_a_persons_to_start(house, adas):
    bo = house.seen_by(BO)
    for ask in (lambda: repair(bo.library), bo.repair):
        with pytest.raises(InputError, match="everybody's"):
            ask()
    verify(house.library)
    assert verify(bo.library) == []
    assert last_verified(bo.library) is None
    assert last_verified(house.library) is not None


def test_nobody_becomes_another_person(house, adas):
    assert house.seen_by(BO).seen_by(ADA).library.access.me == BO.id

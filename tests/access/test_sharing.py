"""What is whose, what is shared, and who may change it."""

import json

import pytest

from core.errors import InputError, UnknownName
from core.exports.archive import archive_artifacts
from core.health import read_last_report, repair_library, verify_entries
from core.library import Query
from core.library.lineage import trace_lineage
from tests.access.conftest import ADA, BO, keep
from tests.library.conftest import keep_artifact

pytestmark = pytest.mark.trust


def seen(jobs, whose: str = "") -> set[str]:
    return {entry.id for entry in jobs.library.page(Query(owner_filter=whose)).entries}


def test_a_person_is_their_provider_and_its_name_for_them_and_never_what_they_are_called():
    assert BO.from_identity("https://provider.example", "2", "Somebody").id == BO.id
    assert len({BO.from_identity(*pair).id for pair in (("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "b c"))}) == 4


def test_what_a_person_makes_is_theirs_and_nobodys_is_everybodys(house, adas):
    nobodys = keep_artifact(house.library, house.library.run(adas.run).model_copy(update={"id": adas.run}))
    ada, bo = house.for_viewer(ADA), house.for_viewer(BO)
    assert house.library.artifact(adas.artifact).owner == ADA.id
    assert house.library.run(adas.run).owner == ADA.id
    assert nobodys.owner is None
    assert seen(ada) == {adas.artifact, nobodys.id}
    assert seen(bo) == set()  # of a run that is Ada's
    assert seen(house) == {adas.artifact, nobodys.id}


def test_entries_from_before_sign_in_are_seen_and_changed_by_everybody(house):
    old = keep(house)
    for person in (ADA, BO):
        jobs = house.for_viewer(person)
        assert seen(jobs) == {old.artifact}
        assert jobs.job_store.read(old.job).owner is None
        assert jobs.inputs.read(old.inputs).owner is None
        assert jobs.library.annotate(old.artifact, note=person.name).note == person.name


def test_who_shares_a_copy_shares_its_run_and_takes_both_back(house, adas):
    ada, bo = house.for_viewer(ADA), house.for_viewer(BO)
    ada.library.annotate(adas.artifact, shared=True)
    assert bo.library.run(adas.run).owner == ADA.id
    assert bo.library.verified_folder(adas.artifact).is_dir()
    assert (seen(bo), seen(bo, "mine"), seen(bo, "others")) == ({adas.artifact}, set(), {adas.artifact})
    assert (seen(ada, "mine"), seen(ada, "others")) == ({adas.artifact}, set())
    ada.library.annotate(adas.run, shared=False)
    assert seen(bo) == set()
    with pytest.raises(UnknownName):
        bo.library.artifact(adas.artifact)


@pytest.mark.parametrize("change", ["mark", "tag", "point", "remove", "share"])
def test_what_is_shared_is_changed_by_its_owner_alone(house, adas, change):
    ada, bo = house.for_viewer(ADA), house.for_viewer(BO)
    ada.library.annotate(adas.artifact, shared=True)
    changes = {
        "mark": lambda library: library.annotate(adas.artifact, note="changed"),
        "tag": lambda library: library.tag([adas.artifact], ["changed"]),
        "point": lambda library: library.set_alias("changed", adas.artifact),
        "remove": lambda library: library.remove(adas.artifact),
        "share": lambda library: library.annotate(adas.artifact, shared=False),
    }
    before = house.library.find()
    with pytest.raises(InputError, match="another person's"):
        changes[change](bo.library)
    assert house.library.find() == before
    changes[change](ada.library)
    assert house.library.find() != before


def test_an_alias_of_another_is_neither_moved_nor_dropped_nor_resolved(house, adas):
    house.for_viewer(ADA).library.set_alias("champion", adas.artifact)
    bo = house.for_viewer(BO)
    own = keep(bo, "Bo's")
    with pytest.raises(InputError, match="Another person uses this alias"):
        bo.library.set_alias("champion", own.artifact)
    for ask in (bo.library.drop_alias, bo.library.resolve):
        with pytest.raises(UnknownName):
            ask("champion")
    assert house.library.aliases() == {"champion": adas.artifact}


def test_a_run_of_which_others_have_copies_is_not_removed(house, adas):
    ada, bo = house.for_viewer(ADA), house.for_viewer(BO)
    ada.library.annotate(adas.run, shared=True)
    copy = keep_artifact(bo.library, bo.library.run(adas.run))
    with pytest.raises(InputError, match="Others have saved copies"):
        ada.library.remove(adas.run)
    assert copy.owner == BO.id
    assert seen(ada) == {adas.artifact}  # Bo's copy is Bo's
    assert bo.library.remove(copy.id) == [copy.id]
    assert ada.library.remove(adas.run) == [adas.artifact, adas.run]


def test_the_trash_is_its_owners(house, adas):
    ada, bo = house.for_viewer(ADA), house.for_viewer(BO)
    ada.library.annotate(adas.artifact, shared=True)
    ada.library.remove(adas.run)
    assert bo.library.trash_ids() == []
    with pytest.raises(UnknownName):
        bo.library.restore(adas.artifact)
    assert bo.library.empty_trash(0) == []
    assert ada.library.restore(adas.artifact) == [adas.run, adas.artifact]


def test_a_record_that_cannot_be_read_is_shown_to_no_person_and_to_the_command_line(house, adas):
    (house.library.folder(adas.artifact) / "artifact.json").write_text("{")
    fresh = type(house.library)(house.library.home)
    assert [entry.id for entry in fresh.find() if entry.problem] == [adas.artifact]
    assert fresh.for_viewer(ADA).find() == []


def test_the_same_request_of_two_people_is_two_jobs(house, adas):
    asked = ["compare", {"artifacts": [], "sources": {}}, []]
    ids = {
        one._compute_job_id(*json.loads(json.dumps(asked)))
        for one in (house, house.for_viewer(ADA), house.for_viewer(BO))
    }
    assert len(ids) == 3


def test_the_same_inputs_of_two_people_are_two_sets(house):
    arrays = {"x": [[1.0]]}
    sets = [one.inputs.add_typed(arrays) for one in (house, house.for_viewer(ADA), house.for_viewer(BO))]
    assert len({one.id for one in sets}) == 3
    assert [one.owner for one in sets] == [None, ADA.id, BO.id]


def test_a_job_of_nobody_over_private_entries_is_not_shown(house, adas):
    job = house.job_store.read(adas.job).model_copy(update={"id": "jaaaaaaaaaa", "owner": None})
    house.job_store.create(job)
    assert house.for_viewer(ADA).job_store.read(job.id).id == job.id
    with pytest.raises(UnknownName):
        house.for_viewer(BO).job_store.read(job.id)


def test_what_is_read_beside_the_library_asks_it_first(house, adas):
    bo = house.for_viewer(BO)
    for ask in (
        lambda: trace_lineage(bo.library, adas.artifact),
        lambda: archive_artifacts(bo.library, [adas.artifact]),
    ):
        with pytest.raises(UnknownName):
            ask()
    own = keep(bo, "Bo's")
    path = house.library.folder(own.artifact) / "artifact.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_from": adas.artifact}))
    assert [step.state for step in trace_lineage(bo.library, own.artifact).made_from] == ["gone"]


def test_what_goes_over_everything_is_not_a_persons_to_start(house, adas):
    bo = house.for_viewer(BO)
    for ask in (lambda: repair_library(bo.library), bo.repair):
        with pytest.raises(InputError, match="everybody's"):
            ask()
    verify_entries(house.library)
    assert verify_entries(bo.library) == []
    assert read_last_report(bo.library) is None
    assert read_last_report(house.library) is not None


def test_nobody_becomes_another_person(house, adas):
    assert house.for_viewer(BO).for_viewer(ADA).library.access.viewer_id == BO.id

"""What is whose, what is shared, and who may change it."""

import json

import pytest

from core.errors import InputError, UnknownName
from core.exports.archive import archive_artifacts
from core.health import read_last_report, repair_library, verify_entries
from core.library import Query
from core.library.lineage import trace_lineage
from tests.factories.library_entries import make_artifact
from tests.factories.private_entries import ADA, BO, make_private_entries

pytestmark = pytest.mark.trust


def visible_ids(jobs, whose: str = "") -> set[str]:
    return {entry.id for entry in jobs.library.page(Query(owner_filter=whose)).entries}


def test_viewer_id_depends_on_issuer_and_subject_not_on_name():
    assert BO.from_identity("https://provider.example", "2", "Somebody").id == BO.id
    assert len({BO.from_identity(*pair).id for pair in (("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "b c"))}) == 4


def test_new_entry_is_owned_by_its_creator_or_unowned(server_jobs, ada_entries):
    nobodys = make_artifact(
        server_jobs.library, server_jobs.library.run(ada_entries.run).model_copy(update={"id": ada_entries.run})
    )
    ada, bo = server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO)
    assert server_jobs.library.artifact(ada_entries.artifact).owner == ADA.id
    assert server_jobs.library.run(ada_entries.run).owner == ADA.id
    assert nobodys.owner is None
    assert visible_ids(ada) == {ada_entries.artifact, nobodys.id}
    assert visible_ids(bo) == set()  # of a run that is Ada's
    assert visible_ids(server_jobs) == {ada_entries.artifact, nobodys.id}


def test_unowned_entry_is_visible_and_editable_for_everyone(server_jobs):
    old = make_private_entries(server_jobs)
    for person in (ADA, BO):
        jobs = server_jobs.for_viewer(person)
        assert visible_ids(jobs) == {old.artifact}
        assert jobs.job_store.read(old.job).owner is None
        assert jobs.inputs.read(old.inputs).owner is None
        assert jobs.library.annotate(old.artifact, note=person.name).note == person.name


def test_sharing_artifact_shares_its_run_and_unsharing_hides_both(server_jobs, ada_entries):
    ada, bo = server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO)
    ada.library.annotate(ada_entries.artifact, shared=True)
    assert bo.library.run(ada_entries.run).owner == ADA.id
    assert bo.library.verified_folder(ada_entries.artifact).is_dir()
    assert (visible_ids(bo), visible_ids(bo, "mine"), visible_ids(bo, "others")) == (
        {ada_entries.artifact},
        set(),
        {ada_entries.artifact},
    )
    assert (visible_ids(ada, "mine"), visible_ids(ada, "others")) == ({ada_entries.artifact}, set())
    ada.library.annotate(ada_entries.run, shared=False)
    assert visible_ids(bo) == set()
    with pytest.raises(UnknownName):
        bo.library.artifact(ada_entries.artifact)


@pytest.mark.parametrize("change", ["mark", "tag", "point", "remove", "share"])
def test_shared_artifact_is_editable_only_by_its_owner(server_jobs, ada_entries, change):
    ada, bo = server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO)
    ada.library.annotate(ada_entries.artifact, shared=True)
    changes = {
        "mark": lambda library: library.annotate(ada_entries.artifact, note="changed"),
        "tag": lambda library: library.tag([ada_entries.artifact], ["changed"]),
        "point": lambda library: library.set_alias("changed", ada_entries.artifact),
        "remove": lambda library: library.remove(ada_entries.artifact),
        "share": lambda library: library.annotate(ada_entries.artifact, shared=False),
    }
    before = server_jobs.library.find()
    with pytest.raises(InputError, match="another person's"):
        changes[change](bo.library)
    assert server_jobs.library.find() == before
    changes[change](ada.library)
    assert server_jobs.library.find() != before


def test_alias_of_other_user_is_not_moved_dropped_or_resolved(server_jobs, ada_entries):
    server_jobs.for_viewer(ADA).library.set_alias("champion", ada_entries.artifact)
    bo = server_jobs.for_viewer(BO)
    own = make_private_entries(bo, "Bo's")
    with pytest.raises(InputError, match="Another person uses this alias"):
        bo.library.set_alias("champion", own.artifact)
    for ask in (bo.library.drop_alias, bo.library.resolve):
        with pytest.raises(UnknownName):
            ask("champion")
    assert server_jobs.library.aliases() == {"champion": ada_entries.artifact}


def test_remove_run_with_artifacts_of_others_raises_input_error(server_jobs, ada_entries):
    ada, bo = server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO)
    ada.library.annotate(ada_entries.run, shared=True)
    copy = make_artifact(bo.library, bo.library.run(ada_entries.run))
    with pytest.raises(InputError, match="Others have saved copies"):
        ada.library.remove(ada_entries.run)
    assert copy.owner == BO.id
    assert visible_ids(ada) == {ada_entries.artifact}  # Bo's copy is Bo's
    assert bo.library.remove(copy.id) == [copy.id]
    assert ada.library.remove(ada_entries.run) == [ada_entries.artifact, ada_entries.run]


def test_trash_is_visible_only_to_the_owner_of_its_entries(server_jobs, ada_entries):
    ada, bo = server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO)
    ada.library.annotate(ada_entries.artifact, shared=True)
    ada.library.remove(ada_entries.run)
    assert bo.library.trash_ids() == []
    with pytest.raises(UnknownName):
        bo.library.restore(ada_entries.artifact)
    assert bo.library.empty_trash(0) == []
    assert ada.library.restore(ada_entries.artifact) == [ada_entries.run, ada_entries.artifact]


def test_unreadable_record_is_hidden_from_users_and_shown_to_cli(server_jobs, ada_entries):
    (server_jobs.library.folder(ada_entries.artifact) / "artifact.json").write_text("{")
    fresh = type(server_jobs.library)(server_jobs.library.home)
    assert [entry.id for entry in fresh.find() if entry.problem] == [ada_entries.artifact]
    assert fresh.for_viewer(ADA).find() == []


def test_same_request_of_two_users_gives_two_jobs(server_jobs, ada_entries):
    request = ["compare", {"artifacts": [], "sources": {}}, []]
    ids = {
        item._compute_job_id(*json.loads(json.dumps(request)))
        for item in (server_jobs, server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO))
    }
    assert len(ids) == 3


def test_same_inputs_of_two_users_give_two_input_sets(server_jobs):
    arrays = {"x": [[1.0]]}
    sets = [
        item.inputs.add_typed(arrays) for item in (server_jobs, server_jobs.for_viewer(ADA), server_jobs.for_viewer(BO))
    ]
    assert len({item.id for item in sets}) == 3
    assert [item.owner for item in sets] == [None, ADA.id, BO.id]


def test_unowned_job_over_private_entries_is_hidden_from_others(server_jobs, ada_entries):
    job = server_jobs.job_store.read(ada_entries.job).model_copy(update={"id": "jaaaaaaaaaa", "owner": None})
    server_jobs.job_store.create(job)
    assert server_jobs.for_viewer(ADA).job_store.read(job.id).id == job.id
    with pytest.raises(UnknownName):
        server_jobs.for_viewer(BO).job_store.read(job.id)


def test_lineage_and_archive_check_permissions_of_entries(server_jobs, ada_entries):
    bo = server_jobs.for_viewer(BO)
    for ask in (
        lambda: trace_lineage(bo.library, ada_entries.artifact),
        lambda: archive_artifacts(bo.library, [ada_entries.artifact]),
    ):
        with pytest.raises(UnknownName):
            ask()
    own = make_private_entries(bo, "Bo's")
    path = server_jobs.library.folder(own.artifact) / "artifact.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_from": ada_entries.artifact}))
    assert [step.state for step in trace_lineage(bo.library, own.artifact).made_from] == ["gone"]


def test_repair_is_refused_and_verification_empty_for_single_user(server_jobs, ada_entries):
    bo = server_jobs.for_viewer(BO)
    for ask in (lambda: repair_library(bo.library), bo.repair):
        with pytest.raises(InputError, match="everybody's"):
            ask()
    verify_entries(server_jobs.library)
    assert verify_entries(bo.library) == []
    assert read_last_report(bo.library) is None
    assert read_last_report(server_jobs.library) is not None


def test_for_viewer_of_restricted_jobs_keeps_the_first_viewer(server_jobs, ada_entries):
    assert server_jobs.for_viewer(BO).for_viewer(ADA).library.access.viewer_id == BO.id


def test_signed_in_person_neither_builds_nor_removes_environments(server_jobs, tmp_path, monkeypatch):
    cache = tmp_path / "environments"
    monkeypatch.setattr(server_jobs, "config", server_jobs.config.model_copy(update={"environments": cache}))
    run = make_private_entries(server_jobs).run
    bos = server_jobs.for_viewer(BO)
    monkeypatch.setattr("core.jobs.service.build_elsewhere_request", lambda *given: {"environments": ["tract"]})
    for refused in (
        lambda: bos.build_environments(["tract"]),
        lambda: bos.remove_environments(["tract"]),
        lambda: bos.ask_elsewhere(run, ["tract"]),
    ):
        with pytest.raises(InputError, match=r"neither builds nor removes them. Received: tract 0.23."):
            refused()
    assert not cache.exists()

"""The Compare page without a browser: copies from its address, verdicts, what is retried, and what it restores."""

import json
from collections.abc import Callable

from core.inputs import Inputs
from core.jobs import Jobs
from core.jobs.participants import load_participant
from core.library import integrity
from core.settings import PROJECT
from core.worker.remote_predictor import RemotePredictor
from tests.helpers import wait_until_done
from tests.ui.test_pages import page_text
from ui.artifact_picker import READABLE


def test_compare_page_resolves_alias_in_url(visit, jobs: Jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    jobs.library.set_alias("ui-champion", id_)
    try:
        app = visit(jobs, "compare", artifact="ui-champion", rows="20")
        (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Copies"]
        assert box.value == [id_]
        assert "Not in the library" not in page_text(visit(jobs, "compare", artifact="ui-champion", rows="20"))
        assert "Not in the library any more" in page_text(visit(jobs, "compare", artifact="no-such", rows="20"))
    finally:
        jobs.library.drop_alias("ui-champion")


def test_compare_page_shows_verdicts_and_rows(visit, jobs: Jobs, saved: Callable):
    artifact_ids = [saved("digits-mlp", key)["artifact"] for key in ("saved_model", "architecture")]
    job = jobs.wait(jobs.compare(artifact_ids, 270).id)
    assert job.state == "done"
    app = visit(jobs, "compare", artifact=artifact_ids, order="row")
    text = page_text(app)
    assert "Bit-identical" in text
    assert "Different answers: " in text
    assert "of 270" in text
    assert app.dataframe[0].value["Row"].tolist() == list(range(270))


def test_compare_page_killed_child_can_be_retried_by_click(visit, jobs: Jobs, saved: Callable, monkeypatch):
    artifact_ids = [saved("digits-mlp", key)["artifact"] for key in ("saved_model", "keras")]

    def killed(jobs: Jobs, id_: str, *rest, **more) -> RemotePredictor:
        loaded = load_participant(jobs, id_, *rest, **more)
        if id_ == artifact_ids[0]:
            loaded.close()
        return loaded

    inputs = Inputs(jobs.library.home).add_held_out(jobs.library, jobs.library.artifact(artifact_ids[0]).run, 19).id
    with monkeypatch.context() as patched:
        patched.setattr("core.jobs.comparison.comparison_predictions.load_participant", killed)
        end = jobs.wait(jobs.compare(artifact_ids, inputs=inputs).id)
    assert end.result["outcomes"][artifact_ids[0]]["error"]["code"] == "child-died"
    app = visit(jobs, "compare", artifact=artifact_ids, inputs=inputs)
    assert "Did not answer" in page_text(app)
    assert "Does not load" not in page_text(app)
    (again,) = [button for button in app.button if button.label == "Compare again"]
    again.click().run()
    assert jobs.wait(end.id).result["outcomes"][artifact_ids[0]]["verdict"] == "bit-identical"
    app.run()
    assert "Did not answer" not in page_text(app)
    assert "Compare again" not in [button.label for button in app.button]


def test_compare_page_hashes_inputs_once_across_reruns(visit, jobs: Jobs, saved: Callable, monkeypatch):
    artifact_ids = [saved("digits-mlp", key)["artifact"] for key in ("saved_model", "architecture")]
    assert jobs.wait(jobs.compare(artifact_ids, 270).id).state == "done"
    app, hashed = visit(jobs, "compare", artifact=artifact_ids), []
    assert app.dataframe[0].value["Truth"].size == 270
    check = integrity.verify_files
    monkeypatch.setattr(integrity, "verify_files", lambda folder, *rest: (hashed.append(folder), check(folder, *rest)))
    assert not app.run().exception
    assert [folder for folder in hashed if folder.parent.name == "inputs"] == []


def test_compare_page_cancels_superseded_comparison(visit, empty_jobs: Jobs):
    run = wait_until_done(empty_jobs, empty_jobs.train("digits-core", epochs=1)).result["run"]
    rows = wait_until_done(empty_jobs, empty_jobs.save(run, ["saved_model", "checkpoint"])).result["rows"]
    artifact_ids = [row["artifact"] for row in rows.values()]
    jobs = Jobs(empty_jobs.library, empty_jobs.worker, empty_jobs.config.model_copy(update={"parallel": 2}))
    busy = [jobs.train("digits-core", epochs=500) for _ in range(2)]
    app = visit(jobs, "compare", artifact=artifact_ids[:1])
    (first,) = jobs.job_store.list_jobs("compare")
    app.multiselect[0].set_value(artifact_ids).run()
    assert not app.exception
    assert jobs.wait(first.id).state == "cancelled"
    for item in busy:
        jobs.cancel(item.id)
    (second,) = [job for job in jobs.job_store.list_jobs("compare") if job.id != first.id]
    assert (wait_until_done(jobs, second).request["artifacts"], first.request["artifacts"]) == (
        artifact_ids,
        artifact_ids[:1],
    )


def test_compare_page_compares_typed_values_on_click(visit, jobs: Jobs, saved: Callable):
    copy = saved("tips", "keras")["artifact"]
    app = visit(jobs, "compare", artifact=copy, ask="typed")
    assert "same answer" in page_text(app)
    for _ in range(2):  # each set of values is asked for by itself
        (press,) = [button for button in app.button if button.label == "Compare on these values"]
        before = len(jobs.job_store.list_jobs("compare"))
        press.click().run()
        assert len(jobs.job_store.list_jobs("compare")) == before + 1
        assert "Compare on these values" not in [button.label for button in app.button]
        app.slider[0].set_value(app.slider[0].value + 1).run()
        assert len(jobs.job_store.list_jobs("compare")) == before + 1


def test_compare_page_never_offers_only_copy_as_baseline(visit, copied_entries: Callable):
    jobs, _, artifacts = copied_entries("digits-mlp", "keras", "saved_model")
    keras, saved_model = artifacts["keras"], artifacts["saved_model"]
    name = jobs.library.run(jobs.library.artifact(keras).run).name
    own = {f"Keras file (.keras){more}" for more in ("", f" · {name}", f" · {name} · {keras}")}
    for copies, offered in (([keras], False), ([keras, saved_model], True)):
        app = visit(jobs, "compare", artifact=copies, baseline=keras, rows="20")
        assert not app.exception
        (box,) = [selectbox for selectbox in app.selectbox if selectbox.label == "Compared with"]
        assert (box.value == keras, bool(own & set(box.options))) == (offered, offered)


def test_compare_page_damaged_artifact_does_not_stop_others(visit, jobs: Jobs, saved: Callable):
    artifact_ids = [saved("digits-mlp", key)["artifact"] for key in ("keras", "saved_model")]
    path = jobs.library.home / "artifacts" / artifact_ids[0] / "files" / "model.keras"
    good = path.read_bytes()
    try:
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        end = jobs.wait(jobs.compare(artifact_ids, 20).id)
        app = visit(jobs, "compare", artifact=artifact_ids, inputs=end.result["inputs"])
        text = page_text(app).replace("\\", "")
    finally:
        path.write_bytes(good)
    assert not app.exception
    assert "The file model.keras has changed since it was saved" in text
    assert "Does not load" in text
    assert "Bit-identical" in text


def test_compare_page_chart_shows_sizes_beside_verdicts(visit, jobs: Jobs, saved: Callable):
    artifact_ids = [saved("digits-mlp", key)["artifact"] for key in ("saved_model", "architecture")]
    assert jobs.wait(jobs.compare(artifact_ids, 270).id).state == "done"
    app = visit(jobs, "compare", artifact=artifact_ids)
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert bars["x"] == [jobs.library.artifact(id_).bytes for id_ in artifact_ids]
    assert bars["y"][0] == "<b>SavedModel</b><br>Bit-identical<br>cannot be trained"
    assert bars["y"][1].startswith("<b>Architecture only (JSON)</b><br>Different answers<br>")
    assert len(set(bars["marker"]["color"])) == 2


def test_compare_page_names_run_only_where_it_is_another(visit, copied_entries: Callable):
    here = copied_entries("digits-mlp", "architecture")[2]["architecture"]
    jobs, _, artifacts = copied_entries("tips", "keras")
    other = artifacts["keras"]
    run_names = {id_: jobs.library.run(jobs.library.artifact(id_).run).name for id_ in (here, other)}
    for chosen, unchosen in ((here, other), (other, here)):
        app = visit(jobs, "compare", artifact=chosen)
        (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Copies"]
        labels = dict(zip((chosen, unchosen), (label_of(box, jobs, id_) for id_ in (chosen, unchosen)), strict=True))
        assert run_names[chosen] not in labels[chosen]
        assert run_names[unchosen] in labels[unchosen]


def label_of(box, jobs: Jobs, id_: str) -> str:
    """The label of an artifact in a multiselect whose options stand newest first."""
    return box.options[[entry.id for entry in jobs.library.page(READABLE).entries].index(id_)]


def test_compare_page_restores_last_comparison_when_entered_again(visit, jobs: Jobs, saved: Callable):
    chosen = [saved("digits-mlp", key)["artifact"] for key in ("architecture", "saved_model")]
    assert jobs.wait(jobs.compare(chosen, 20).id).state == "done"
    app = visit(jobs, "compare", artifact=chosen, baseline=chosen[0], rows="20")
    app.switch_page(str(PROJECT / "pages" / "health.py")).run()
    app.query_params.clear()  # as a link of the navigation does
    app.switch_page(str(PROJECT / "pages" / "compare.py")).run()
    assert not app.exception
    (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Copies"]
    (beside,) = [selectbox for selectbox in app.selectbox if selectbox.label == "Compared with"]
    assert (box.value, beside.value) == (chosen, chosen[0])
    box.set_value([]).run()  # what was taken away stays away
    (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Copies"]
    assert box.value == []
    (offer,) = [button for button in app.button if button.label.startswith("Latest run, ")]
    offer.click().run()
    (box,) = [multiselect for multiselect in app.multiselect if multiselect.label == "Copies"]
    newest = jobs.library.page(READABLE).entries
    assert box.value == [entry.id for entry in newest if entry.run == newest[0].run]

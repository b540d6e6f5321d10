"""The section "First layer that differs" without a browser: the verdict first, and what cannot be walked."""

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.inputs import Inputs, input_specs
from core.jobs import Jobs


@pytest.fixture
def open_layers_section(monkeypatch: pytest.MonkeyPatch):
    """A function that shows the section for a baseline and others, and gives the page."""

    def script(baseline: str, others: list[str], inputs: str) -> None:
        from ui.compare.layers import show_layers
        from ui.compare.participants import Participants
        from ui.session import current_jobs

        request = current_jobs().inputs.read(inputs) if inputs else None
        names = {baseline: "the baseline"} | {id_: f"copy {id_}" for id_ in others}
        show_layers(Participants(baseline, others, names, {}, {}), request)

    def show(jobs: Jobs, baseline: str, *others: str, inputs: str = "") -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
        requested = {"baseline": baseline, "others": list(others), "inputs": inputs}
        return AppTest.from_function(script, kwargs=requested, default_timeout=60).run()

    yield show
    st.cache_resource.clear()


def section_text(app: AppTest) -> str:
    """The sentences of the section."""
    parts = [*app.success, *app.warning, *app.info, *app.caption]
    return "\n".join(part.value for part in parts).replace("\\", "")


def run_layer_comparison(app: AppTest, jobs: Jobs) -> AppTest:
    """Press the button, wait for the job that the address then names, and show the page again."""
    app.button[0].click().run()
    assert jobs.wait(app.query_params["layers"]).state == "done"
    return app.run()


def test_layers_tab_lossless_copy_has_no_differing_layer(
    open_layers_section, jobs: Jobs, trained: Callable, saved: Callable
):
    app = run_layer_comparison(
        open_layers_section(jobs, trained("digits-mlp"), saved("digits-mlp", "onnx")["artifact"]), jobs
    )
    assert not app.exception
    assert "No layer differs by more than rounding: at most" in section_text(app)
    assert app.dataframe[0].value["Layer"].tolist() == ["dense", "dense_1"]
    assert "**The first row on its way through both**" in [markdown.value for markdown in app.markdown]
    assert app.dataframe[0].value["Verdict"].tolist()[1] == "✓ same"


def test_layers_tab_names_first_differing_layer_first(
    open_layers_section, jobs: Jobs, trained: Callable, saved: Callable
):
    copy = saved("digits-mlp", "litert_int8")["artifact"]
    app = run_layer_comparison(open_layers_section(jobs, trained("digits-mlp"), copy), jobs)
    assert app.warning[0].value.startswith("The first layer that differs is **dense** (Dense): by up to")
    assert app.dataframe[0].value["Verdict"].tolist() == ["✗ differs", "✗ differs"]
    assert "scale and zero point" in section_text(app)


@pytest.mark.parametrize(
    ("rows", "words"), [(40, "on the first 32 rows of what is asked above"), (1, "on the row that is asked above")]
)
def test_layers_tab_uses_inputs_of_the_page(
    open_layers_section, jobs: Jobs, trained: Callable, saved: Callable, rows, words
):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "onnx")["artifact"]
    input_set = Inputs(jobs.library.home, jobs.config).add_random(input_specs(jobs.library, run), rows)
    app = run_layer_comparison(open_layers_section(jobs, run, copy, inputs=input_set.id), jobs)
    assert not app.exception
    assert words in section_text(app)
    assert jobs.job_store.read(app.query_params["layers"]).request["inputs"] == input_set.id


def test_layers_tab_unsupported_format_is_reported_without_button(open_layers_section, jobs: Jobs, saved: Callable):
    keras, hidden = (saved("digits-mlp", key)["artifact"] for key in ("keras", "saved_model"))
    app = open_layers_section(jobs, keras, hidden)
    assert f"copy {hidden}: No intermediate tensors can be seen in a SavedModel" in section_text(app).replace("**", "")
    assert list(app.button) == []


def test_layers_tab_unknown_job_in_url_offers_new_job(
    open_layers_section, jobs: Jobs, trained: Callable, saved: Callable
):
    app = open_layers_section(jobs, trained("digits-mlp"), saved("digits-mlp", "onnx")["artifact"])
    app.query_params["layers"] = "j0000000000"
    app.run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Compare layers"]

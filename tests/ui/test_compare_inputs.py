"""How inputs are asked for on a page, and how the address brings them back."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from streamlit.testing.v1 import AppTest

from core.inputs import Inputs, input_specs
from core.jobs import Jobs
from tests.factories.event_loops import run_coroutine
from tests.factories.sent_files import list_whole_uploads, send_files


def draw_page(run: str, draws: bool = False) -> None:
    import numpy as np
    import streamlit as st

    from core.inputs import input_specs
    from core.inputs.options import offered_inputs
    from ui.compare.input_choice import choose_inputs
    from ui.session import current_jobs

    def draw():
        return {"pixels": np.full((1, 64), 0.5, "float32")} if st.toggle("scribble") else None

    library = current_jobs().library
    options = offered_inputs(library.run(run), input_specs(library, run), library.reference(run))
    chosen = choose_inputs(options, draw if draws else None)
    st.session_state["chosen"] = chosen and chosen.id


@pytest.fixture
def input_store(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """The input sets of the session's library, which the pages use, too."""
    monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield Inputs(jobs.library.home, jobs.config)
    st.cache_resource.clear()
    st.cache_data.clear()


def open_input_page(run: str, draws: bool = False, **address: str) -> AppTest:
    app = AppTest.from_function(draw_page, default_timeout=60, kwargs={"run": run, "draws": draws})
    for name, value in address.items():
        app.query_params[name] = value
    return require_no_exception(app.run())


def require_no_exception(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def read_query_params(app: AppTest) -> dict[str, str]:
    """A value is a text when it was set for the page, and a list of them when the page has set it."""
    return {name: item if isinstance(item, str) else item[0] for name, item in app.query_params.items()}


def chosen_input_id(app: AppTest) -> str | None:
    id_ = app.session_state["chosen"]
    assert read_query_params(app).get("inputs") == id_
    return id_


def choose_input_source(app: AppTest, name: str) -> AppTest:
    return require_no_exception(app.segmented_control("in-address-ask").set_value(name).run())


def reopen(app: AppTest, run: str) -> AppTest:
    """A new session at the address of this one."""
    return open_input_page(run, **read_query_params(app))


@pytest.mark.parametrize(
    ("demo", "draws", "ways"),
    [
        ("digits-mlp", True, ["held-out", "drawn", "file", "random", "plane"]),
        ("digits-mlp", False, ["held-out", "file", "random", "plane"]),
        ("tips", False, ["held-out", "typed", "file", "random"]),
    ],
)
def test_inputs_chooser_offers_only_kinds_that_fit_the_model(
    demo: str, draws: bool, ways: list, input_store: Inputs, trained
):
    app = open_input_page(trained(demo), draws)
    control = app.segmented_control("in-address-ask")
    labels = {
        "held-out": "Test examples",
        "plane": "Between three",
        "drawn": "Draw",
        "typed": "Type",
        "file": "Upload",
        "random": "Random",
    }
    assert [next(key for key, words in labels.items() if words in option) for option in control.options] == ways


def test_inputs_chooser_held_out_selection_survives_reload(input_store: Inputs, trained):
    run = trained("digits-mlp")
    app = open_input_page(run)
    rows = input_store.read(chosen_input_id(app)).rows
    assert app.slider(f"held-{run}-rows").value == rows
    app.pills(f"held-{run}-classes").set_value(["3", "8"]).run()
    everything = input_store.read(chosen_input_id(app))
    assert everything.words.endswith("test examples of “digits”, classes 3 and 8")
    assert app.slider(f"held-{run}-rows").value == everything.rows < rows
    app.slider(f"held-{run}-rows").set_value(10).run()
    app.toggle(f"held-{run}-drawn").set_value(True).run()
    app.number_input(f"held-{run}-seed").set_value(7).run()
    stored = input_store.read(chosen_input_id(require_no_exception(app)))
    assert stored.words == "10 test examples of “digits”, classes 3 and 8, seed 7"
    assert set(np.argmax(input_store.read_targets(stored.id)["digit"], axis=1)) == {3, 8}
    other = reopen(app, run)
    assert chosen_input_id(other) == stored.id
    assert other.slider(f"held-{run}-rows").value == 10
    assert other.pills(f"held-{run}-classes").value == ["3", "8"]
    assert other.number_input(f"held-{run}-seed").value == 7


def test_inputs_chooser_typed_values_survive_reload(input_store: Inputs, trained):
    run = trained("tips")
    app = choose_input_source(open_input_page(run), "typed")
    assert input_store.read_rows(chosen_input_id(app), [0])["day"].tolist() == [["Sun"]]
    app.slider(f"type-{run}-0").set_value(30.01).run()
    app.segmented_control(f"type-{run}-4").set_value("Thur").run()
    rows = input_store.read_rows(chosen_input_id(require_no_exception(app)), [0])
    assert rows["total_bill"].tolist() == [[np.float32(30.01)]]
    assert rows["day"].tolist() == [["Thur"]]
    other = reopen(app, run)
    assert chosen_input_id(other) == chosen_input_id(app)
    assert other.slider(f"type-{run}-0").value == 30.01


def test_inputs_chooser_random_rows_are_made_on_click_and_in_url(input_store: Inputs, trained):
    run = trained("tips")
    app = choose_input_source(open_input_page(run), "random")
    assert chosen_input_id(app) is None
    app.number_input("random-rows").set_value(12)
    app.number_input("random-high").set_value(50.0)
    app.button[-1].click().run()
    stored = input_store.read(chosen_input_id(require_no_exception(app)))
    assert stored.words == "12 random rows from 0 to 50, seed 0"
    assert [column["name"] for column in stored.columns] == [item["name"] for item in specs_of_run(input_store, run)]
    other = reopen(app, run)
    assert chosen_input_id(other) == stored.id
    assert other.number_input("random-rows").value == 12
    back = choose_input_source(choose_input_source(app, "held-out"), "random")
    assert chosen_input_id(back) == stored.id


def specs_of_run(sets: Inputs, run: str) -> list[dict]:
    from ui.session import current_jobs

    return input_specs(current_jobs().library, run)


def test_inputs_chooser_file_is_stored_and_control_cleared(input_store: Inputs, jobs: Jobs, trained):
    run = trained("digits-mlp")
    app = choose_input_source(open_input_page(run), "file")
    assert chosen_input_id(app) is None
    buffer = io.BytesIO()
    np.save(buffer, np.full((3, 64), 0.25))
    send_files(app, f"input-files-{run}-0", jobs.uploads, {"three.npy": buffer.getvalue()})
    stored = input_store.read(chosen_input_id(require_no_exception(app)))
    assert stored.words == "3 rows of the file “three.npy”"
    assert "“pixels” came as float64 and was turned into float32\\." in app.caption[0].value
    assert not list_whole_uploads(jobs.uploads)
    assert chosen_input_id(reopen(app, run)) == stored.id


def test_inputs_chooser_waits_for_files_that_are_on_their_way(input_store: Inputs, jobs: Jobs, trained):
    run = trained("digits-mlp")
    app = choose_input_source(open_input_page(run), "file")
    key = f"input-files-{run}-0"
    send_files(app, key, jobs.uploads, {"x.csv": b"1,2,3\n"}, pending=1)
    assert not require_no_exception(app).error
    app.session_state[key] = {"files": app.session_state[key]["files"] | {"pending": 0}}
    assert "The model takes 64 columns" in require_no_exception(app.run()).error[0].value


def test_inputs_chooser_invalid_file_is_reported_and_not_chosen(input_store: Inputs, jobs: Jobs, trained):
    run = trained("digits-mlp")
    app = choose_input_source(open_input_page(run), "file")
    send_files(app, f"input-files-{run}-0", jobs.uploads, {"x.csv": b"1,2,3\n"})
    assert "The model takes 64 columns" in require_no_exception(app).error[0].value
    assert chosen_input_id(app) is None


def test_inputs_chooser_drawing_is_restored_from_url(input_store: Inputs, trained):
    run = trained("digits-mlp")
    app = choose_input_source(open_input_page(run, draws=True), "drawn")
    assert chosen_input_id(app) is None
    app.toggle[0].set_value(True).run()
    stored = input_store.read(chosen_input_id(require_no_exception(app)))
    assert (stored.kind, stored.rows) == ("drawn", 1)
    other = open_input_page(run, draws=True, inputs=stored.id)
    assert chosen_input_id(other) == stored.id
    app.toggle[0].set_value(False).run()
    assert chosen_input_id(require_no_exception(app)) is None


def test_inputs_chooser_shows_search_result_from_url(input_store: Inputs, trained):
    run = trained("digits-mlp")
    input_set = input_store.add_search_result({"pixels": np.zeros((1, 64), "float32")}, {}, "Here they disagree")
    app = open_input_page(run, inputs=input_set.id)
    assert chosen_input_id(app) == input_set.id
    assert app.segmented_control("in-address-ask").value == "found"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("i0123456789", "These inputs are not kept any more, or never were\\."),
        ("<b>x</b>", "These inputs are not kept any more, or never were\\."),
        ("", "The inputs in the address are not for this model\\."),
    ],
)
def test_inputs_chooser_invalid_url_inputs_show_warning(address: str, sentence: str, input_store: Inputs, trained):
    address = address or input_store.add_typed({"day": np.array([["Sun"]])}).id
    app = open_input_page(trained("digits-mlp"), inputs=address)
    assert sentence.replace("\\", "") in app.warning[0].value.replace("\\", "")
    assert input_store.read(chosen_input_id(app)).kind == "held-out"


def fetch_route(address: str) -> tuple[Response, bytes]:
    """What our routes answer to that address."""
    from ui.routes import ROUTES

    scope = {"type": "http", "method": "GET", "path": address, "headers": []}
    (route, more), *_ = [(item, result[1]) for item in ROUTES if (result := item.matches(scope))[0] is Match.FULL]

    async def whole() -> tuple[Response, bytes]:
        reply = await route.endpoint(Request(scope | more))
        streamed = hasattr(reply, "body_iterator")
        return reply, b"".join([item async for item in reply.body_iterator]) if streamed else reply.body

    return run_coroutine(whole())


def test_inputs_download_npz_can_be_uploaded_again(input_store: Inputs, tmp_path):
    from ui.routes import inputs_url

    input_set = input_store.add_typed({"pixels": np.full((2, 64), 0.5, "float32")})
    reply, body = fetch_route(inputs_url(input_set.id))
    assert (
        reply.headers["content-disposition"] == f'attachment; filename="roundtrip-inputs-{input_set.created[:10]}.npz"'
    )
    assert int(reply.headers["content-length"]) == len(body)
    (tmp_path / "x.npz").write_bytes(body)
    read = input_store.add_file(tmp_path / "x.npz", [{"name": "pixels", "dtype": "float32", "shape": [None, 64]}])
    assert (
        input_store.read_rows(read.id, slice(None))["pixels"].tolist()
        == input_store.read_rows(input_set.id, slice(None))["pixels"].tolist()
    )
    reply, body = fetch_route("/inputs/i0123456789.npz")
    assert (reply.status_code, body[:30]) == (404, b"These inputs are not kept any ")


def test_inputs_chooser_warns_about_values_outside_data_range(visit, jobs: Jobs, saved: Callable):
    input_set = Inputs(jobs.library.home).add_random(
        [{"name": "pixels", "dtype": "float32", "shape": [None, 64]}], 5, 0.0, 16.0, seed=1
    )
    app = visit(jobs, "compare", artifact=[saved("digits-mlp", "keras")["artifact"]], inputs=input_set.id)
    words = "\n".join(caption.value for caption in app.caption).replace("\\", "")
    assert "in the data of the run it goes from 0 to 1" in words

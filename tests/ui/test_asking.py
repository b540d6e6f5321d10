"""How inputs are asked for on a page, and how the address brings them back."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from streamlit.testing.v1 import AppTest

from core.inputs import Inputs, input_specs
from core.jobs import Jobs


def page(run: str, draws: bool = False) -> None:
    import numpy as np
    import streamlit as st

    from core.inputs import input_specs
    from ui.compare.inputs import choose_inputs
    from ui.session import current_jobs

    def draw():
        return {"pixels": np.full((1, 64), 0.5, "float32")} if st.toggle("scribble") else None

    library = current_jobs().library
    chosen = choose_inputs(library.run(run), input_specs(library, run), draw if draws else None)
    st.session_state["chosen"] = chosen and chosen.id


@pytest.fixture
def sets(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """The input sets of the session's library, which the pages use, too."""
    monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield Inputs(jobs.library.home, jobs.config)
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(run: str, draws: bool = False, **address: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=60, kwargs={"run": run, "draws": draws})
    for name, value in address.items():
        app.query_params[name] = value
    return good(app.run())


def good(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def address_of(app: AppTest) -> dict[str, str]:
    """A value is a text when it was set for the page, and a list of them when the page has set it."""
    return {name: one if isinstance(one, str) else one[0] for name, one in app.query_params.items()}


def chosen(app: AppTest) -> str | None:
    id_ = app.session_state["chosen"]
    assert address_of(app).get("inputs") == id_
    return id_


def way(app: AppTest, name: str) -> AppTest:
    return good(app.segmented_control("in-address-ask").set_value(name).run())


def again(app: AppTest, run: str) -> AppTest:
    """A new session at the address of this one."""
    return opened(run, **address_of(app))


@pytest.mark.parametrize(
    ("demo", "draws", "ways"),
    [
        ("digits-mlp", True, ["held-out", "drawn", "file", "random"]),
        ("digits-mlp", False, ["held-out", "file", "random"]),
        ("tips", False, ["held-out", "typed", "file", "random"]),
    ],
)
def test_only_the_ways_that_fit_a_model_are_offered(demo: str, draws: bool, ways: list, sets: Inputs, trained):
    app = opened(trained(demo), draws)
    control = app.segmented_control("in-address-ask")
    labels = {"held-out": "Held-out", "drawn": "Draw", "typed": "Type", "file": "Upload", "random": "Random"}
    assert [next(key for key, words in labels.items() if words in one) for one in control.options] == ways


def test_held_out_rows_are_chosen_by_class_and_seed_and_a_reload_shows_the_same(sets: Inputs, trained):
    run = trained("digits-mlp")
    app = opened(run)
    rows = sets.read(chosen(app)).rows
    assert app.slider(f"held-{run}-rows").value == rows
    app.pills(f"held-{run}-classes").set_value(["3", "8"]).run()
    everything = sets.read(chosen(app))
    assert everything.words.endswith("held-out rows of “digits”, classes 3 and 8")
    assert app.slider(f"held-{run}-rows").value == everything.rows < rows
    app.slider(f"held-{run}-rows").set_value(10).run()
    app.toggle(f"held-{run}-drawn").set_value(True).run()
    app.number_input(f"held-{run}-seed").set_value(7).run()
    kept = sets.read(chosen(good(app)))
    assert kept.words == "10 held-out rows of “digits”, classes 3 and 8, seed 7"
    assert set(np.argmax(sets.read_targets(kept.id)["digit"], axis=1)) == {3, 8}
    other = again(app, run)
    assert chosen(other) == kept.id
    assert other.slider(f"held-{run}-rows").value == 10
    assert other.pills(f"held-{run}-classes").value == ["3", "8"]
    assert other.number_input(f"held-{run}-seed").value == 7


def test_typed_values_are_a_set_at_once_and_a_reload_fills_the_boxes(sets: Inputs, trained):
    run = trained("tips")
    app = way(opened(run), "typed")
    assert sets.read_rows(chosen(app), [0])["day"].tolist() == [["Sun"]]
    app.slider(f"type-{run}-0").set_value(30.01).run()
    app.segmented_control(f"type-{run}-4").set_value("Thur").run()
    kept = sets.read_rows(chosen(good(app)), [0])
    assert kept["total_bill"].tolist() == [[np.float32(30.01)]]
    assert kept["day"].tolist() == [["Thur"]]
    other = again(app, run)
    assert chosen(other) == chosen(app)
    assert other.slider(f"type-{run}-0").value == 30.01


def test_random_rows_are_made_on_demand_and_stand_in_the_address(sets: Inputs, trained):
    run = trained("tips")
    app = way(opened(run), "random")
    assert chosen(app) is None
    app.number_input("random-rows").set_value(12)
    app.number_input("random-high").set_value(50.0)
    app.button[-1].click().run()
    kept = sets.read(chosen(good(app)))
    assert kept.words == "12 random rows from 0 to 50, seed 0"
    assert [one["name"] for one in kept.columns] == [one["name"] for one in specs_of_run(sets, run)]
    other = again(app, run)
    assert chosen(other) == kept.id
    assert other.number_input("random-rows").value == 12
    back = way(way(app, "held-out"), "random")
    assert chosen(back) == kept.id


def specs_of_run(sets: Inputs, run: str) -> list[dict]:
    from ui.session import current_jobs

    return input_specs(current_jobs().library, run)


def test_an_upload_is_read_kept_and_let_go_of(sets: Inputs, trained):
    run = trained("digits-mlp")
    app = way(opened(run), "file")
    assert chosen(app) is None
    buffer = io.BytesIO()
    np.save(buffer, np.full((3, 64), 0.25))
    app.file_uploader[0].upload("three.npy", buffer.getvalue(), "application/octet-stream").run()
    kept = sets.read(chosen(good(app)))
    assert kept.words == "3 rows of the file “three.npy”"
    assert "“pixels” came as float64 and was turned into float32\\." in app.caption[0].value
    assert not app.file_uploader[0].value
    assert chosen(again(app, run)) == kept.id


def test_an_upload_that_does_not_fit_is_one_sentence_and_nothing_is_chosen(sets: Inputs, trained):
    run = trained("digits-mlp")
    app = way(opened(run), "file")
    app.file_uploader[0].upload("x.csv", b"1,2,3\n", "text/csv").run()
    assert "The model takes 64 columns" in good(app).error[0].value
    assert chosen(app) is None


def test_a_drawing_is_asked_while_it_stands_and_found_again_by_the_address(sets: Inputs, trained):
    run = trained("digits-mlp")
    app = way(opened(run, draws=True), "drawn")
    assert chosen(app) is None
    app.toggle[0].set_value(True).run()
    kept = sets.read(chosen(good(app)))
    assert (kept.kind, kept.rows) == ("drawn", 1)
    other = opened(run, draws=True, inputs=kept.id)
    assert chosen(other) == kept.id
    app.toggle[0].set_value(False).run()
    assert chosen(good(app)) is None


def test_what_a_search_found_is_shown_from_the_address(sets: Inputs, trained):
    run = trained("digits-mlp")
    kept = sets.add_search_result({"pixels": np.zeros((1, 64), "float32")}, {}, "Here they disagree")
    app = opened(run, inputs=kept.id)
    assert chosen(app) == kept.id
    assert app.segmented_control("in-address-ask").value == "found"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("i0123456789", "These inputs are not kept any more, or never were\\."),
        ("<b>x</b>", "These inputs are not kept any more, or never were\\."),
        ("", "The inputs in the address are not for this model\\."),
    ],
)
def test_an_address_that_does_not_fit_is_said_and_the_page_goes_on(address: str, sentence: str, sets: Inputs, trained):
    address = address or sets.add_typed({"day": np.array([["Sun"]])}).id
    app = opened(trained("digits-mlp"), inputs=address)
    assert sentence.replace("\\", "") in app.warning[0].value.replace("\\", "")
    assert sets.read(chosen(app)).kind == "held-out"


def asked(address: str) -> tuple[Response, bytes]:
    """What our routes answer to that address."""
    from ui.routes import ROUTES

    scope = {"type": "http", "method": "GET", "path": address, "headers": []}
    (route, more), *_ = [(one, found[1]) for one in ROUTES if (found := one.matches(scope))[0] is Match.FULL]

    async def whole() -> tuple[Response, bytes]:
        reply = await route.endpoint(Request(scope | more))
        streamed = hasattr(reply, "body_iterator")
        return reply, b"".join([one async for one in reply.body_iterator]) if streamed else reply.body

    # In a thread of its own: a browser test before this one may have left its loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, whole()).result()


def test_a_set_is_downloaded_as_an_npz_that_can_be_asked_again(sets: Inputs, tmp_path):
    from ui.routes import inputs_url

    kept = sets.add_typed({"pixels": np.full((2, 64), 0.5, "float32")})
    reply, body = asked(inputs_url(kept.id))
    assert reply.headers["content-disposition"] == f'attachment; filename="roundtrip-inputs-{kept.id}.npz"'
    assert int(reply.headers["content-length"]) == len(body)
    (tmp_path / "x.npz").write_bytes(body)
    read = sets.add_file(tmp_path / "x.npz", [{"name": "pixels", "dtype": "float32", "shape": [None, 64]}])
    assert (
        sets.read_rows(read.id, slice(None))["pixels"].tolist()
        == sets.read_rows(kept.id, slice(None))["pixels"].tolist()
    )
    reply, body = asked("/inputs/i0123456789.npz")
    assert (reply.status_code, body[:30]) == (404, b"These inputs are not kept any ")


def test_numbers_far_outside_of_the_data_are_said(visit, jobs: Jobs, saved: Callable):
    kept = Inputs(jobs.library.home).add_random(
        [{"name": "pixels", "dtype": "float32", "shape": [None, 64]}], 5, 0.0, 16.0, seed=1
    )
    app = visit(jobs, "compare", artifact=[saved("digits-mlp", "keras")["artifact"]], inputs=kept.id)
    words = "\n".join(one.value for one in app.caption).replace("\\", "")
    assert "in the data of the run it goes from 0 to 1" in words

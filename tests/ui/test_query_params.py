"""Widgets bound to the address, and tabs that a link opens."""

import pytest
from streamlit.testing.v1 import AppTest


def draw_tabs() -> None:
    import streamlit as st

    from ui.query_params import bind_select, show_tabs

    st.selectbox("Artifact", **bind_select("artifact", ["a1", "a2"]))
    show_tabs({name: lambda name=name: st.caption(f"in {name}") for name in ("Overview", "Findings")}, "artifact")


def open_tabs(**address: str) -> AppTest:
    app = AppTest.from_function(draw_tabs)
    app.query_params.update(address)
    return app.run()


def shown(app: AppTest) -> list[str]:
    return [caption.value for caption in app.caption]


def test_link_to_a_tab_opens_it_although_another_value_was_chosen_before():
    app = AppTest.from_function(draw_tabs)
    app.session_state["in-address-artifact-chosen"] = True  # by a page of the same parameter that has no tabs
    app.query_params.update({"artifact": "a2", "part": "Findings"})
    app.run()
    assert (app.selectbox[0].value, shown(app)) == ("a2", ["in Findings"])


def test_another_value_chosen_by_hand_opens_the_first_tab():
    app = open_tabs(artifact="a1", part="Findings")
    assert shown(app) == ["in Findings"]
    app.selectbox[0].select("a2").run()
    assert (app.query_params["artifact"], shown(app)) == ("a2", ["in Overview"])


def draw_choices() -> None:
    import streamlit as st

    from ui.query_params import bind_multiselect, bind_segments, bind_select

    st.selectbox("One", **bind_select("one", ["a", "b"]))
    st.segmented_control("Segments", **bind_segments("segment", ["a", "b"]))
    st.multiselect("Many", **bind_multiselect("many", ["a", "b"]))


def test_choice_of_the_address_survives_a_run_that_was_cut_short():
    app = AppTest.from_function(draw_choices)
    app.query_params.update({"one": "b", "segment": "b", "many": ["b"]})
    app.run()
    app.run()  # of which the browser may get the first: it is told the values by this one alone
    one, segments, many = app.selectbox[0].proto, app.button_group[0].proto, app.multiselect[0].proto
    assert (one.default, list(segments.default)) == (1, [1])
    assert (many.set_value, list(many.raw_values)) == (True, ["b"])
    assert not app.warning


def draw_renamed() -> None:
    import streamlit as st

    from ui.query_params import bind_multiselect, bind_select

    labels = {"a": "A", "b": "B", "c": "C"}.get
    st.selectbox("One", **bind_select("one", ["a", "b"], clears=("job",)), format_func=lambda key: labels(key, key))
    st.multiselect("Many", **bind_multiselect("many", ["a", "b", "c"]), format_func=lambda key: labels(key, key))


@pytest.mark.parametrize(
    ("sent", "values"), [(["A (to build)", "B (to build)"], ["a", "b"]), (["A (to build)", "c"], ["a", "b", "c"])]
)
def test_labels_of_before_are_no_new_choice(sent: list[str], values: list[str]):
    app = AppTest.from_function(draw_renamed)
    app.query_params.update({"one": "b", "many": ["a", "b"], "job": "j1"})
    app.run()
    app.selectbox[0].options.append("B (to build)")  # the browser has it still
    app.selectbox[0].set_value("B (to build)")
    app.multiselect[0].set_value(sent)
    app.run()
    assert not app.exception
    assert (app.selectbox[0].value, app.multiselect[0].value) == ("b", values)
    assert {**app.query_params} == {"one": "b", "many": values, "job": "j1"}

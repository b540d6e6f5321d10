"""What a person reads where a fragment or a callback of a page fails, past the frame around the page."""

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from ui.page_runner import show_unexpected_error


def failing_page() -> None:
    import streamlit as st

    from core.errors import InputError

    def fail(error: Exception) -> None:
        raise error

    expected, unexpected = InputError("There is no such run.", cure="Choose another."), KeyError("run")
    st.button("expected in a callback", on_click=fail, args=(expected,))
    st.button("unexpected in a callback", on_click=fail, args=(unexpected,))

    @st.fragment
    def part() -> None:
        if st.button("expected in a fragment"):
            fail(expected)
        if st.button("unexpected in a fragment"):
            fail(unexpected)

    part()


def handle(error: Exception) -> bool:
    """As app.py has each session do it."""
    show_unexpected_error(error)
    return True


@pytest.mark.parametrize("place", ["callback", "fragment"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [("expected", "There is no such run"), ("unexpected", "Something went wrong on our side.")],
)
def test_error_of_a_part_of_a_page_is_shown_in_words(place: str, kind: str, words: str, monkeypatch):
    handler = property(lambda _: handle, lambda *_: None)  # which the runner cannot set to none
    monkeypatch.setattr(LocalScriptRunner, "_on_script_error", handler, raising=False)
    app = AppTest.from_function(failing_page).run()
    next(button for button in app.button if button.label == f"{kind} in a {place}").click().run()
    assert not app.exception
    assert [error.value.startswith(words) for error in app.error] == [True]

"""The Resume page without a browser: what each copy began with, in words that wrap."""

from streamlit.testing.v1 import AppTest

from tests.factories.shown_tables import shown_tables
from tests.ui.test_pages import page_text


def draw_parts() -> None:
    from core.jobs.resume_result import ResumeResult, ResumeVerdict
    from ui.resume import _show_parts

    exact = ResumeResult(ending=ResumeVerdict.EXACT, sentence="", parts={"weights": True, "step count": True})
    jumps = ResumeResult(ending=ResumeVerdict.JUMPS, sentence="", parts={"weights": True, "step count": False})
    _show_parts({"a": exact, "b": jumps}, {"a": "Keras file", "b": "safetensors"})


def test_parts_of_a_training_are_a_table_that_explains_its_headings():
    app = AppTest.from_function(draw_parts).run()
    assert not app.exception
    table = {"Copy": ["Keras file", "safetensors"], "Weights": ["✓ kept"] * 2, "Step count": ["✓ kept", "✗ lost"]}
    assert shown_tables(app) == [table]
    text = page_text(app)
    assert "**Step count**: How many steps the optimizer has taken." in text
    assert "**Moments**" not in text

"""The table whose words wrap: nothing of it is out of sight, and no text in it is HTML."""

import re

import pytest

from tests.factories.shown_tables import read_table
from ui.wrapped_table import render_wrapped_table

COLUMNS = {"Model": ["a", "b"], "Verdict": ["✓ Same answers", "✗ Does not load"], "Cause": ["–", "No."]}


def test_wrapped_table_has_every_row_and_column_in_order():
    assert read_table(render_wrapped_table(COLUMNS, "Models")) == COLUMNS


def test_wrapped_table_leaves_out_columns_without_anything():
    table = read_table(render_wrapped_table(COLUMNS | {"Cause": ["–", "–"], "Cure": ["–", "x"]}, "Models"))
    assert list(table) == ["Model", "Verdict", "Cure"]


def test_wrapped_table_keeps_the_names_of_rows_that_have_none():
    assert read_table(render_wrapped_table({"Model": ["–"], "Verdict": ["–"]}, "Models")) == {"Model": ["–"]}


@pytest.mark.parametrize("text", ["<b>x</b>", '" onload="x', "&lt;", "</table><script>"])
def test_wrapped_table_shows_any_text_as_it_is(text: str):
    columns = {f"Model {text}": [text], f"Cause {text}": [text]}
    html = render_wrapped_table(columns, text)
    assert read_table(html) == columns
    assert html.count("<") == html.count("</") * 2 == 20  # as many elements as a table of this size has


@pytest.mark.parametrize(
    ("text", "tone"),
    [("✓ Bit-identical", "good"), ("≠ Some", "fair"), ("✗ No", "bad"), ("? Not", "plain"), ("", "plain")],
)
def test_wrapped_table_colours_a_cell_by_its_symbol(text: str, tone: str):
    assert f'data-column="Verdict" class="{tone}"' in render_wrapped_table({"Model": ["a"], "Verdict": [text]}, "x")


def test_wrapped_table_states_the_roles_that_a_layout_of_cards_would_lose():
    html = render_wrapped_table({"Model": ["a"], "Verdict": ["✓ Same"]}, "Models")
    roles = re.findall(r'<(\w+)[^>]* role="(\w+)"', html)
    assert roles == [
        *[("table", "table"), ("thead", "rowgroup"), ("tr", "row"), ("th", "columnheader"), ("th", "columnheader")],
        *[("tbody", "rowgroup"), ("tr", "row"), ("th", "rowheader"), ("td", "cell")],
    ]


@pytest.mark.parametrize(("heading", "is_long"), [("Verdict", False), ("ONNX Runtime 1.20", True)])
def test_wrapped_table_gives_long_headings_more_room_on_a_card(heading: str, is_long: bool):
    assert ('class="wrapped-table long-names"' in render_wrapped_table({"Copy": ["a"], heading: ["b"]}, "x")) == is_long

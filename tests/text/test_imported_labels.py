"""What was imported is called so wherever it has a name."""

from typing import NamedTuple

from core.compatibility.checks import COLUMNS
from core.compatibility.columns import Finding
from core.compatibility.matrix import MatrixRow, to_csv, to_markdown
from core.evidence.records import ReloadOutcome
from core.text.labels import live_model_phrase, mark_imported, short_labels
from core.text.summaries import summarize_outcomes


class NamedEntry(NamedTuple):
    format: str
    trust: str | None
    created: str | None = None


OURS, BROUGHT = NamedEntry("onnx", "ours"), NamedEntry("onnx", "brought in")


def test_short_labels_mark_imported_copies():
    assert short_labels(["r0123456789", "a1", "a2"], {"a1": OURS, "a2": BROUGHT}, OURS) == {
        "r0123456789": "Live model",
        "a1": "ONNX",
        "a2": "ONNX · imported",
    }
    assert short_labels(["a1", "a2"], {"a1": BROUGHT, "a2": BROUGHT}) == {
        "a1": "ONNX · imported",
        "a2": "ONNX · imported #2",
    }
    assert mark_imported("its name", None) == "its name"


def test_labels_of_imported_run_replace_live_model():
    assert short_labels(["r0123456789"], {}, BROUGHT) == {"r0123456789": "As imported"}
    assert live_model_phrase("mine", BROUGHT) == "“mine” as it was imported"
    assert live_model_phrase("mine", OURS) == "the live model of “mine”"
    same = {"a": ReloadOutcome(verdict="bit-identical").model_dump()}
    assert summarize_outcomes("As imported", 5, same) == "The copy answers as the imported model does, on all 5 rows."


def test_matrix_exports_mark_imported_rows():
    cells = {column.key: Finding("kept", "so") for column in COLUMNS}
    rows = [MatrixRow("onnx", "a1", cells, trust="brought in"), MatrixRow("keras", "a2", cells)]
    assert to_csv(rows).splitlines()[1].startswith("onnx · imported,")
    assert to_csv(rows).splitlines()[2].startswith("keras,")
    assert to_markdown(rows).splitlines()[2].startswith("| onnx · imported |")
    assert [row.to_json()["trust"] for row in rows] == ["brought in", "ours"]

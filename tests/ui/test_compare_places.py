"""Compare page: copies that also answer in other environments, and what is not offered for them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.jobs.places.place import at_place
from tests.factories.own_places import add_places
from tests.factories.private_entries import BO
from tests.helpers import wait_until_done
from tests.ui.test_pages import page_text

PLACED = "ONNX, in Own ONNX Runtime"


@pytest.fixture
def placed(
    copied_entries: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Jobs, dict[str, str]]]:
    """Jobs over a run with three copies, and these by format; the only place is ONNX Runtime."""
    jobs, _, artifacts = copied_entries("digits-mlp", "onnx", "keras", "saved_model")
    add_places(monkeypatch, jobs, tmp_path / "own")
    yield jobs, artifacts
    jobs.environment_processes.close()


def test_copy_answers_in_another_environment_like_a_participant(visit, placed):
    jobs, artifacts = placed
    onnx, keras = artifacts["onnx"], artifacts["keras"]
    wait_until_done(jobs, jobs.compare([onnx, keras, at_place(onnx, "own-onnx")]))
    app = visit(jobs, "compare", artifact=[onnx, keras], **{f"in-{onnx}": "own-onnx"})
    assert not app.exception
    choices = {widget.label.replace("\\", ""): widget for widget in app.multiselect if "also in" in widget.label}
    choice, machines = choices["ONNX, also in"], choices["Keras file (.keras), also in"]
    assert (choice.value, choice.options) == (["own-onnx"], ["Own ONNX Runtime"])
    assert [label.partition(", ")[2] for label in machines.options] == [
        "this machine up to AVX2",
        "this machine up to SSE4.1",
        "this machine without oneDNN",
    ]
    text = page_text(app).replace("\\", "")
    assert f"**{PLACED}**" in text
    assert "Answered in Own ONNX Runtime (python 3." in text
    assert PLACED in app.dataframe[0].value.columns


def test_copy_that_a_place_refuses_is_shown_with_its_packages(
    visit, copied_entries: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    jobs, _, artifacts = copied_entries("digits-mlp", "onnx")
    add_places(monkeypatch, jobs, tmp_path / "own", "refuses")
    onnx = artifacts["onnx"]
    job = wait_until_done(jobs, jobs.compare([onnx, at_place(onnx, "refuses")]))
    jobs.environment_processes.close()
    lock = job.result["outcomes"][at_place(onnx, "refuses")]["place"]["lock"]
    app = visit(jobs, "compare", artifact=[onnx], **{f"in-{onnx}": "refuses"})
    assert not app.exception
    captions = [item.value.replace("\\", "") for item in app.caption]
    (said,) = [caption for caption in captions if "in refuses" in caption]
    assert said.startswith(f"It was to answer in refuses. Its packages: list {lock[:12]} ")


def test_tabs_that_load_copies_name_those_left_out(visit, placed):
    jobs, artifacts = placed
    onnx = artifacts["onnx"]
    wait_until_done(jobs, jobs.compare([onnx, at_place(onnx, "own-onnx")]))
    for tab in ("Compare layers", "Find a disagreement"):
        app = visit(jobs, "compare", artifact=[onnx], view=tab, **{f"in-{onnx}": "own-onnx"})
        assert not app.exception
        assert f"Loaded here only, so left out: {PLACED}." in page_text(app).replace("\\", "")
        assert PLACED not in [label for widget in app.selectbox for label in widget.options]


def test_every_other_tab_shows_a_copy_at_a_place(visit, placed):
    jobs, artifacts = placed
    onnx = artifacts["onnx"]
    wait_until_done(jobs, jobs.compare([onnx, at_place(onnx, "own-onnx")]))
    for tab in ("Charts and pictures", "Every pair"):
        app = visit(jobs, "compare", artifact=[onnx], view=tab, **{f"in-{onnx}": "own-onnx"})
        assert not app.exception, tab
        assert "Loaded here only" not in page_text(app)


def test_no_environment_is_offered_where_none_takes_the_copy(visit, placed):
    jobs, artifacts = placed
    wait_until_done(jobs, jobs.compare([artifacts["saved_model"]]))
    app = visit(jobs, "compare", artifact=[artifacts["saved_model"]])
    assert not app.exception
    assert "Ask them in other environments and on other machines, too" not in [item.label for item in app.expander]


def test_environment_to_build_is_offered_with_its_size_but_to_guests(visit, copied_entries: Callable):
    jobs, _, artifacts = copied_entries("digits-mlp", "onnx")
    onnx = artifacts["onnx"]
    wait_until_done(jobs, jobs.compare([onnx]))
    app = visit(jobs, "compare", artifact=[onnx])
    (choice,) = [widget for widget in app.multiselect if "also in" in widget.label]
    assert all(" (to build, " in label for label in choice.options)
    assert choice.options[0].startswith("MNN 3.6 ")  # the smallest
    assert not choice.value
    app = visit(jobs.for_viewer(BO), "compare", artifact=[onnx])
    assert [widget.label for widget in app.multiselect if "also in" in widget.label] == []

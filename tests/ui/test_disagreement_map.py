"""The map tab: offers a plane, and says on how many of its spots a copy predicts another class."""

from collections.abc import Callable

import numpy as np
import pytest

from core.jobs import Jobs
from ui.compare.disagreement_map import NO_MAP, map_sentence


@pytest.mark.parametrize(
    ("copy", "sentence"),
    [
        ([0, 1, 2, 2], "LiteRT predicts the same class on all 4 spots of this plane."),
        ([0, 1, 2, 0], "LiteRT predicts another class on 1 of 4 spots (crosses). Click a spot."),
    ],
)
def test_map_sentence_counts_spots_of_another_class(copy: list[int], sentence: str):
    assert map_sentence("LiteRT", np.array([0, 1, 2, 2]), np.array(copy)) == sentence


def test_map_tab_offers_a_plane_and_then_shows_its_map(visit: Callable, jobs: Jobs, saved: Callable):
    ids = [saved("digits-mlp", key)["artifact"] for key in ("saved_model", "architecture")]
    assert jobs.wait(jobs.compare(ids, 270).id).state == "done"
    app = visit(jobs, "compare", artifact=ids, view="Map of disagreement")
    (offer,) = [button for button in app.button if button.label == "Compare on such a plane"]
    run = jobs.library.artifact(ids[0]).run
    assert not offer.click().run().exception
    made = app.query_params["inputs"]
    assert jobs.inputs.read(made).origin["run"] == run
    job = jobs.wait(jobs.compare(ids, inputs=made).id)
    assert (job.state, job.result["rows"]) == ("done", 32 * 32)
    app = visit(jobs, "compare", artifact=ids, view="Map of disagreement", inputs=made, mapped=ids[0])
    assert not app.exception
    texts = [markdown.value for markdown in app.markdown]
    assert [text for text in texts if "the same class on all 1,024 spots" in text]


def test_map_tab_is_left_out_with_a_reason_where_nothing_is_drawn(visit: Callable, jobs: Jobs, saved: Callable):
    id_ = saved("tips", "keras")["artifact"]
    assert jobs.wait(jobs.compare([id_]).id).state == "done"
    app = visit(jobs, "compare", artifact=id_, view="Map of disagreement")
    assert not app.exception
    assert "Map of disagreement" not in [tab.label for tab in app.tabs]
    assert [info.value for info in app.info] == [NO_MAP]
    assert NO_MAP not in [info.value for info in visit(jobs, "compare", artifact=id_).info]


def test_plane_in_address_sets_its_corners(visit: Callable, jobs: Jobs, saved: Callable):
    id_ = saved("digits-mlp", "saved_model")["artifact"]
    made = jobs.inputs.add_plane(jobs.library, jobs.library.artifact(id_).run, (5, 17, 33))
    app = visit(jobs, "compare", artifact=id_, inputs=made.id)
    assert [box.value for box in app.selectbox if box.label.startswith("Example ")] == [5, 17, 33]
    assert app.query_params["inputs"] == made.id

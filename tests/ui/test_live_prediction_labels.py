"""What the cards say while one draws or types."""

import numpy as np
import pytest

from core.jobs import Jobs
from core.jobs.live_session import LivePrediction
from ui.compare import live_panel as live_module


@pytest.mark.parametrize(("share", "words"), [(0.005, "same answer"), (0.02, "another answer")])
def test_live_agreement_value_changes_beyond_one_percent_of_spread(
    jobs: Jobs, trained, monkeypatch: pytest.MonkeyPatch, share: float, words: str
):
    run = jobs.library.run(trained("tips"))
    monkeypatch.setattr(live_module, "load_reference", jobs.library.reference)
    ((name, known),) = jobs.library.reference(run.id).predictions.items()
    live, moved = (
        LivePrediction({name: known[:1]}, 0.0),
        LivePrediction({name: known[:1] + np.float32(share * known.std())}, 0.0),
    )
    assert words in live_module._agreement_badge(run, moved, live)

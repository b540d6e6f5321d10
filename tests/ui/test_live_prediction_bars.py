"""Copies that answer while one draws or types, as the page shows them."""

import numpy as np

from core.jobs.live_session import LivePrediction
from ui.compare import live_panel


def test_live_bars_use_the_output_with_one_value_per_class(monkeypatch, jobs, trained):
    run, drawn = jobs.library.run(trained("two-in-two-out")), []
    monkeypatch.setattr(live_panel, "probability_bars", lambda labels, shown: drawn.append((labels, shown)))
    monkeypatch.setattr(live_panel.st, "plotly_chart", lambda *_, **__: None)
    answers = {"alcohol": np.array([[13.5]], "float32"), "variety": np.array([[0.25, 0.5, 0.25]], "float32")}
    live_panel._show_probabilities(
        run, {"One": LivePrediction(answers, 0.1), "Other": LivePrediction({"alcohol": answers["alcohol"]}, 0.1)}
    )
    assert drawn == [(run.labels, {"One": [0.25, 0.5, 0.25]})]

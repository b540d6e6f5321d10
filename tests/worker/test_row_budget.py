"""How many rows a request is given: by the time that there is, and by what the first row cost."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import TooLarge
from core.jobs.imports.import_trial import find_accepted_input
from core.sandbox.limits import confined_allowance, confined_memory, own_allowance
from core.settings import GB, MB, Settings
from core.system import find_session, read_proportional_memory, usable_memory
from core.worker.remote_predictor import RowBudget, RowCap
from core.worker.tasks.probes import probe_predictor

MIB = 2**20


class Clock:
    """A clock that only what is done moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 0.0
        for module in ("core.worker.remote_predictor", "core.jobs.imports.import_trial"):
            monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=lambda: self.now))

    def take(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [(0.01, 0.01, 1000), (0.5, 0.01, 1000), (1.0, 0.2, 192), (2.0, 1.0, 48), (60, 60, 1)],
)
def test_affordable_rows_follow_cost_of_first_row(clock: Clock, first: float, later: float, expected: int):
    budget = RowBudget(100.0)
    budget.measure(lambda: clock.take(first))
    assert budget.affordable_rows(lambda: clock.take(later), 1000) == expected


def test_affordable_rows_without_limit_are_all(clock: Clock):
    budget = RowBudget(None)
    budget.measure(lambda: clock.take(1000))
    assert budget.affordable_rows(lambda: clock.take(1000), 5) == 5


def test_row_cap_halves_what_was_asked_until_one_row():
    cap = RowCap(64, asked=13)
    assert (cap.halve(), cap.rows) == (True, 6)
    cap.asked = 1
    assert not cap.halve()
    assert not RowCap().halve()  # before anything was asked, fewer rows would not help


class CostlyPredictor:
    """A loaded file of which each row takes its time, and more than some rows at once too much memory."""

    def __init__(self, clock: Clock, row_seconds: float, most_rows: int = 64):
        self.clock, self.row_seconds, self.most_rows, self.asked = clock, row_seconds, most_rows, []

    def predict(self, inputs, **limits):
        rows = len(inputs["x"])
        self.asked.append(rows)
        self.clock.take(rows * self.row_seconds)
        if rows > self.most_rows:
            raise TooLarge("Too much.")
        return {"y": inputs["x"]}, 0.0


def test_find_accepted_input_asks_rows_that_there_is_time_for(clock: Clock):
    """The first row twice, since what only a first call does is not counted; and at the end the last one alone."""
    costly, spec = CostlyPredictor(clock, 1.0), {"name": "x", "dtype": "float32", "shape": [None, 3]}
    trial, answers = find_accepted_input(costly, [spec], seconds=60.0)
    assert (costly.asked, trial.recipe["rows"]) == ([1, 1, 29, 1], 29)
    assert (len(trial.inputs["x"]), len(answers["y"])) == (29, 29)


def test_find_accepted_input_beyond_memory_can_be_asked_half_the_rows(clock: Clock):
    costly, spec, cap = CostlyPredictor(clock, 0.0, 20), {"name": "x", "dtype": "float32", "shape": [None, 3]}, RowCap()
    while True:
        try:
            trial, _ = find_accepted_input(costly, [spec], seconds=60.0, cap=cap)
            break
        except TooLarge:
            assert cap.halve()
    assert (costly.asked, trial.recipe["rows"]) == ([1, 64, 1, 32, 1, 16, 1], 16)


def test_probe_predictor_tries_what_its_rows_are_enough_for():
    predictor = SimpleNamespace(predict=lambda inputs: {"y": inputs["x"]}, model=None)
    probes = probe_predictor(predictor, {"x": np.zeros((64, 2))}, {}, None, 10)
    expected = {"batches": {"1": "", "7": ""}, "repeats": 0.0, "row_shift": 0.0, "step": {"not_tried": True}}
    assert probes == expected
    assert probe_predictor(predictor, {"x": np.zeros((64, 2))}, {}, None, 0) == {
        "batches": {},
        "repeats": None,
        "step": {"not_tried": True},
    }


def test_confined_allowance_grows_with_file_and_with_conversion():
    config = Settings(confined_gb=3, confined_seconds=10, confined_cpu_seconds=6, child_gb=16)
    usual, large, converting = (confined_allowance(config, *more) for more in ((), (256 * MB,), (256 * MB, True)))
    assert usual[:4] == (10, 6, 3 * GB, 10 * GB)
    assert large[:3] == (40, 24, 3 * GB)
    assert converting[:3] == (160, 96, 12 * GB)
    narrow = confined_allowance(config.model_copy(update={"child_gb": 8}), converts=True)
    assert (converting.memory_setting, narrow.memory) == ("ROUNDTRIP_CONFINED_GB", 8 * GB)
    assert narrow.memory_setting == "ROUNDTRIP_CONFINED_GB and ROUNDTRIP_CHILD_GB"
    assert usual.working_seconds == 6 / os.cpu_count()
    assert confined_allowance(config, memory_share=0.5)[:4] == (10, 6, 3 * GB // 2, 7 * GB)


def test_allowance_by_default_follows_the_machine():
    config, machine = Settings(), usable_memory()
    assert confined_memory(config) == min(8 * GB, machine // 2)
    assert confined_memory(config, 2**50) == machine // 2
    assert own_allowance(config, 5.0)[:3] == (5.0, 0, int(machine * 0.75))


def test_session_memory_is_that_of_its_processes():
    session = find_session(os.getsid(0))
    assert os.getpid() in session
    assert 10 * MIB < read_proportional_memory(os.getpid()) <= usable_memory()
    assert read_proportional_memory(2**22 + 1) == 0

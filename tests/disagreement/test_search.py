"""The search over plain functions: what it finds, where it never goes, and when it stops."""

from types import SimpleNamespace

import numpy as np
import pytest

from core.disagreement import (
    NEIGHBOURHOOD_SHARE,
    DataChunk,
    DataDomain,
    DisagreementSearch,
    InputPoint,
    OutputScale,
    SearchBudget,
    StepGenerator,
    distance_from_origin,
)

SCALES = {"y": OutputScale("class")}


def two_class_probabilities(first: np.ndarray) -> dict[str, np.ndarray]:
    """The probabilities of two classes, by that of the first."""
    return {"y": np.stack([first, 1 - first], axis=1)}


def run_search(
    one, two, inputs, evaluations=4000, seed=0, seconds=60.0, scales=SCALES, **given
) -> tuple[DisagreementSearch, object]:
    """The search at its end, and the best of the data alone."""
    search = DisagreementSearch(
        lambda rows: (one(rows), two(rows)), scales, SearchBudget(seconds, evaluations), seed, **given
    )
    search.scan_data([DataChunk("held-out", 0, inputs, {})])
    before = search.best
    search.climb_from_best()
    return search, before


def gaussian_bump(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return np.exp(-((rows - centre) ** 2).sum(axis=1) / 0.02)


def test_search_finds_planted_disagreement_only_by_climbing():
    data = np.random.default_rng(3).random((200, 8))
    centre = data[17] + np.array([0.12, -0.12, 0.1, -0.1, 0.08, 0.0, 0.0, 0.0])
    search, before = run_search(
        lambda rows: two_class_probabilities(np.full(len(rows["x"]), 0.9)),
        lambda rows: two_class_probabilities(0.9 - 0.8 * gaussian_bump(rows["x"], centre)),
        {"x": data},
    )
    assert not before.is_changed
    assert (search.best.is_changed, search.best.split, search.best.row) == (True, "held-out", 17)
    assert search.best.steps > 0
    assert search.best.amount > 0.5  # 0.9 against 0.1 in the middle: a lead of 0.8 for both
    assert search.changed["held-out"] == 0
    assert search.changed["made"] > 0


def test_search_of_model_with_itself_tries_every_row_without_result():
    data = np.random.default_rng(0).random((100, 4))
    search, _ = run_search(
        lambda rows: two_class_probabilities(rows["x"][:, 0]),
        lambda rows: two_class_probabilities(rows["x"][:, 0]),
        {"x": data},
    )
    assert (search.best.is_changed, search.best.score, search.largest) == (False, 0.0, 0.0)
    assert search.evaluated["held-out"] == 100
    assert 3900 < search.budget.spent <= 4000
    assert set(search.changed.values()) == {0}


def test_step_generator_stays_within_domain_and_near_origin():
    random = np.random.default_rng(1)
    data = {
        "level": random.normal(5, 3, (50, 3)).astype("float32"),
        "guests": random.integers(1, 7, (50, 1)).astype("float32"),
        "code": random.integers(0, 200, (50, 2)),
        "flag": random.integers(0, 2, (50, 1)).astype(bool),
        "always": np.full((50, 1), 7, "float32"),
    }
    seen = DataDomain()
    seen.add(data)
    origin = {name: array[:1] for name, array in data.items()}
    point = InputPoint(origin, origin)
    steps = StepGenerator(seen, np.random.default_rng(0))
    for size in (0.01, 0.3, 5.0):
        made = steps.propose(point, 64, size)
        for name, array in made.inputs.items():
            assert array.dtype == data[name].dtype
            assert (array >= data[name].min(axis=0)).all()
            assert (array <= data[name].max(axis=0)).all()
        span = np.ptp(data["level"], axis=0)
        assert (np.abs(made.inputs["level"] - origin["level"]) <= NEIGHBOURHOOD_SHARE * span + 1e-5).all()
        assert (made.inputs["guests"] == np.round(made.inputs["guests"])).all()
        assert (made.inputs["always"] == 7).all()
        point = made.point_at(5, origin)
    assert len(np.unique(made.inputs["guests"])) > 1
    assert {True, False} == set(made.inputs["flag"].ravel().tolist())
    assert distance_from_origin(point, seen)["largest"] <= 1.0


def test_step_generator_keeps_non_finite_values():
    data = {"x": np.array([[np.nan, 0.0, np.inf], [1.0, 1.0, 1.0], [2.0, 3.0, 2.0]])}
    seen = DataDomain()
    seen.add(data)
    origin = {"x": data["x"][:1]}
    made = StepGenerator(seen, np.random.default_rng(0)).propose(InputPoint(origin, origin), 32, 0.2)
    assert np.isnan(made.inputs["x"][:, 0]).all()
    assert np.isinf(made.inputs["x"][:, 2]).all()
    assert made.inputs["x"][:, 1].max() > 0


def test_step_generator_replaces_choices_with_known_values():
    days = np.array([["Thur"], ["Fri"], ["Sat"], ["Sun"]] * 10)
    seen = DataDomain()
    seen.add({"day": days})
    origin = {"day": days[:1]}
    made = StepGenerator(seen, np.random.default_rng(0)).propose(InputPoint(origin, origin), 64, 0.1)
    assert set(made.inputs["day"].ravel()) == {"Fri", "Sat", "Sun"}
    assert made.inputs["day"].shape == (64, 1)


def test_step_generator_mutates_text_by_letters_near_origin():
    names = np.array([["Uzbekistan"], ["Chad"], ["Peru"], ["Nepal"], ["Oman"], ["Liechtenstein"]])
    seen = DataDomain()
    seen.add({"name": names})
    origin = {"name": names[:1]}
    letters = set("".join(names.ravel()))
    point, steps = InputPoint(origin, origin), StepGenerator(seen, np.random.default_rng(0))
    made = steps.propose(point, 200, 0.1)
    lengths = {len(text) for text in made.inputs["name"].ravel()}
    assert lengths == {9, 10, 11}  # one letter left out, changed, put in
    for _ in range(20):
        made = steps.propose(point, 32, 0.1)
        texts = made.inputs["name"].ravel()
        assert all(set(text) <= letters and 1 <= len(text) <= 13 for text in texts)
        assert made.edits["name"].max() <= 2  # a quarter of ten letters
        point = made.point_at(int(made.edits["name"].argmax()), origin)


def test_search_finds_text_that_separates_two_models():
    data = {"word": np.array([["cat"], ["cot"], ["dog"], ["dig"]]), "kind": np.array([["a"], ["b"], ["a"], ["b"]])}

    def says(word: str):
        return lambda rows: {"y": np.array([["yes" if text == word else "no"] for text in rows["word"].ravel()])}

    search, before = run_search(says("cat"), says("cit"), data, scales={"y": OutputScale("text")})
    assert before.is_changed  # "cat" itself is answered differently
    search, before = run_search(says("bat"), says("cog"), data, scales={"y": OutputScale("text")})
    assert not before.is_changed
    assert search.best.point.inputs["word"].item() == "cog"  # no "b" was ever seen, so "bat" cannot be made


def test_search_is_reproducible_by_seed_and_evaluations():
    data = {"x": np.random.default_rng(3).random((40, 5)), "word": np.array([["ab"], ["cd"], ["ef"], ["gh"]] * 10)}

    def two(rows):
        return two_class_probabilities(
            1 / (1 + np.exp(5 * (rows["x"].sum(axis=1) - 2.4) * (1 + (rows["word"] == "cd").ravel())))
        )

    def found(seed: int) -> tuple:
        search, _ = run_search(lambda rows: two_class_probabilities(rows["x"][:, 0]), two, data, 1500, seed)
        return search.best.score, search.best.steps, {name: a.tolist() for name, a in search.best.point.inputs.items()}

    assert found(1) == found(1)
    assert found(1) != found(2)


@pytest.mark.parametrize(("rows", "evaluations", "asked"), [(10, 4, {"held-out": 4}), (10, 10, {"held-out": 10})])
def test_search_never_exceeds_evaluation_budget(rows, evaluations, asked):
    data = {"x": np.random.default_rng(0).random((rows, 2))}
    search, _ = run_search(
        lambda rows: two_class_probabilities(rows["x"][:, 0]),
        lambda rows: two_class_probabilities(rows["x"][:, 1]),
        data,
        evaluations,
    )
    assert search.evaluated == asked


def test_search_time_limit_leaves_half_for_climbing(monkeypatch: pytest.MonkeyPatch):
    data = {"x": np.random.default_rng(0).random((64, 3))}
    received, clock = [], SimpleNamespace(now=0.0)
    monkeypatch.setattr("core.disagreement.search.time", SimpleNamespace(monotonic=lambda: clock.now))

    def slow(rows):
        clock.now += 0.02
        return two_class_probabilities(rows["x"][:, 0])

    def pieces():
        while True:
            yield DataChunk("training", 0, data, {})

    search = DisagreementSearch(
        lambda rows: (slow(rows), slow(rows)), SCALES, SearchBudget(0.6), on_progress=lambda item: received.append(item)
    )
    search.scan_data(pieces())
    assert search.budget.seconds_used == pytest.approx(0.32)
    search.climb_from_best()
    assert 0.6 <= search.budget.seconds_used < 0.65
    assert search.evaluated["training"] > 0
    assert search.evaluated["made"] > 0
    assert search.budget.share_used == 1.0
    assert len(received) > 4


def test_search_of_constant_data_only_scans_rows():
    search, _ = run_search(
        lambda rows: two_class_probabilities(rows["x"][:, 0]),
        lambda rows: two_class_probabilities(rows["x"][:, 0]),
        {"x": np.ones((5, 2))},
    )
    assert search.evaluated == {"held-out": 5}

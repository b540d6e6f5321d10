"""Every model of the tables in every format, and thousands of mutants and sound copies: the long run of the oracle."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from core.jobs import Jobs
from tests.oracle import campaign
from tests.oracle.drawn_models import draw_plans
from tests.oracle.expectations import (
    FOREIGN_TEXT,
    classify,
    format_keys,
    is_met,
    list_disagreements,
    read_expected,
)
from tests.oracle.models import MODELS, copies_of, save_model
from tests.oracle.reported_models import REPORTED
from tests.oracle.unusual_models import UNUSUAL

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(7200),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
BASES, OF_EACH = 30, 68
PLANS = 100
CHUNK = 10  # models that one process of the second judge looks at
TABLES = (*MODELS, *REPORTED)


@pytest.mark.parametrize(
    "names", [TABLES[at : at + CHUNK] for at in range(0, len(TABLES), CHUNK)], ids=lambda it: it[0]
)
def test_every_model_gives_its_verdicts_and_both_judges_agree(
    names: tuple[str, ...], oracle_jobs: Jobs, tmp_path: Path
):
    library, worker = oracle_jobs.library, oracle_jobs.worker
    saved = {name: save_model(library, worker, name, format_keys(name)) for name in names}
    copies = [copy for name, each in saved.items() for copy in copies_of(name, each.folders)]
    judged = campaign.run_judge(copies, tmp_path)
    wrong = {}
    for name, each in saved.items():
        expected = read_expected(name)
        for key, said in each.said.items():
            words = [] if is_met(expected[key], classify(key, said)) else [classify(key, said)]
            words += list_disagreements(key, said, judged[f"{name}|{key}"]) if key in each.folders else []
            if words:
                wrong[name, key] = words
    assert wrong == {}


def find_disagreements(models: Iterable[str], jobs: Jobs, work: Path) -> dict[tuple[str, str], list[str]]:
    """Where both judges do not say the same of a copy, or a refusal is no sentence of ours, by model and format."""
    saved = {model: save_model(jobs.library, jobs.worker, model, format_keys(model)) for model in models}
    copies = [copy for model, each in saved.items() for copy in copies_of(model, each.folders)]
    judged = campaign.run_judge(copies, work)
    words = {
        (model, key): [said["reason"]] * (FOREIGN_TEXT in said["reason"])
        + (list_disagreements(key, said, judged[f"{model}|{key}"]) if key in each.folders else [])
        for model, each in saved.items()
        for key, said in each.said.items()
    }
    return {pair: said for pair, said in words.items() if said}


@pytest.mark.parametrize("number", range(PLANS // CHUNK))
def test_both_judges_agree_on_models_that_hypothesis_draws(number: int, oracle_jobs: Jobs, tmp_path: Path):
    """In every format; what is refused is refused in a sentence, and what is close is close by both."""
    assert find_disagreements(draw_plans(CHUNK, number), oracle_jobs, tmp_path) == {}


@pytest.mark.parametrize("name", UNUSUAL)
def test_both_judges_agree_on_unusual_models(name: str, oracle_jobs: Jobs, tmp_path: Path):
    assert find_disagreements([name], oracle_jobs, tmp_path) == {}


@pytest.mark.parametrize("number", range(BASES))
def test_thousands_of_mutants_are_noticed_and_no_sound_copy_is_accused(number: int, oracle_jobs: Jobs):
    """2,000 of each in all, over bases with other weights, as `python -m benchmarks.oracle` counts them."""
    figures = campaign.measure_base(oracle_jobs.library, oracle_jobs.worker, number, OF_EACH)
    assert (figures.unnoticed, figures.misplaced, figures.accused) == ([], [], [])
    assert (figures.tried, figures.sound) == (OF_EACH, OF_EACH)
    assert figures.mutants > OF_EACH // 2

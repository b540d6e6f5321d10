"""Every model of the tables in every format, and thousands of mutants and sound copies: the long run of the oracle."""

from pathlib import Path

import pytest

from core.jobs import Jobs
from tests.oracle import campaign
from tests.oracle.drawn_models import draw_plans
from tests.oracle.expectations import classify, format_keys, is_met, list_disagreements, read_expected
from tests.oracle.models import MODELS, copies_of, save_model
from tests.oracle.reported_models import REPORTED

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


@pytest.mark.parametrize("number", range(PLANS // CHUNK))
def test_both_judges_agree_on_models_that_hypothesis_draws(number: int, oracle_jobs: Jobs, tmp_path: Path):
    """In every format; what is refused is refused in a sentence, and what is close is close by both."""
    plans = draw_plans(CHUNK, number)
    library, worker = oracle_jobs.library, oracle_jobs.worker
    saved = {plan: save_model(library, worker, plan, format_keys(plan)) for plan in plans}
    copies = [copy for plan, each in saved.items() for copy in copies_of(plan, each.folders)]
    judged = campaign.run_judge(copies, tmp_path)
    words = {
        (plan, key): list_disagreements(key, each.said[key], judged[f"{plan}|{key}"])
        for plan, each in saved.items()
        for key in each.folders
    }
    assert {pair: said for pair, said in words.items() if said} == {}


@pytest.mark.parametrize("number", range(BASES))
def test_thousands_of_mutants_are_noticed_and_no_sound_copy_is_accused(number: int, oracle_jobs: Jobs):
    """2,000 of each in all, over bases with other weights, as `python -m benchmarks.oracle` counts them."""
    figures = campaign.measure_base(oracle_jobs.library, oracle_jobs.worker, number, OF_EACH)
    assert (figures.unnoticed, figures.misplaced, figures.accused) == ([], [], [])
    assert (figures.tried, figures.sound) == (OF_EACH, OF_EACH)
    assert figures.mutants > OF_EACH // 2

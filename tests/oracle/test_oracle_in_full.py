"""Every model of the tables in every format, and thousands of mutants and sound copies: the long run of the oracle."""

from pathlib import Path

import pytest

from core.jobs import Jobs
from tests.oracle import campaign
from tests.oracle.expectations import classify, format_keys, is_met, list_disagreements, read_expected
from tests.oracle.models import MODELS, copies_of, save_model

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(7200),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
BASES, MUTANTS_OF_EACH = 30, 68
CHUNK = 10  # models that one process of the second judge looks at


@pytest.mark.parametrize(
    "names", [MODELS[at : at + CHUNK] for at in range(0, len(MODELS), CHUNK)], ids=lambda it: it[0]
)
def test_every_model_gives_its_verdicts_and_both_judges_agree(
    names: tuple[str, ...], oracle_jobs: Jobs, tmp_path: Path
):
    library, worker = oracle_jobs.library, oracle_jobs.worker
    saved = {name: save_model(library, worker, name, format_keys()) for name in names}
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


def test_thousands_of_mutants_are_noticed_and_no_sound_copy_is_accused(oracle_jobs: Jobs, tmp_path: Path):
    """2,000 of each, over bases with other weights; the figures are those of `python -m benchmarks --only oracle`."""
    mutants, sound = campaign.try_many(oracle_jobs.library, oracle_jobs.worker, BASES, MUTANTS_OF_EACH, tmp_path)
    figures = campaign.sum_up(mutants, campaign.judge_trials([*mutants, *sound], tmp_path))
    assert (figures.unnoticed, figures.misplaced, campaign.accused(sound)) == ([], [], [])
    assert len(mutants) - len(figures.below) - len(figures.equal) > len(mutants) // 2

"""Both judges on mutants, sound copies and models that a seed draws; all of them in `test_oracle_in_full.py`."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from core.jobs import Jobs
from tests.helpers import wait_until_done
from tests.oracle import campaign, judge, product
from tests.oracle.bases import FEW_FORMATS
from tests.oracle.drawn_models import draw_plans
from tests.oracle.expectations import classify, is_met, list_disagreements, read_expected
from tests.oracle.layer_table import LAYERS, LEFT_OUT, layer_classes
from tests.oracle.models import MODELS, build_model, copies_of, is_plan, save_model
from tests.oracle.mutants import KINDS
from tests.oracle.sound_ways import SOUND_WAYS

SEED = 2  # of what is drawn: another one draws others
# Always among the mutants: numbers that are all there, in another place.
EXCHANGES = [
    each for each in KINDS if each.format in FEW_FORMATS and each.name in ("swapped_inputs", "swapped_outputs")
]
MUTANTS, SOUND, MODELS_DRAWN, PLANS = 6, 4, 1, 1
PLAN_FORMATS = ["saved_model", "keras", "onnx"]
MODEL_FORMATS = ["architecture", "saved_model", "keras", "weights", "onnx"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Keras' own, of masks that layers drop


class Session(NamedTuple):
    """Everything that was tried, and what the second judge says of it, from one process of its own."""

    mutants: list[campaign.Trial]
    sound: list[campaign.Trial]
    models: dict[str, product.Copies]
    judged: dict[str, judge.Judgement]


@pytest.fixture(scope="module")
def session(oracle_jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Drawn mutants, sound copies and models, saved, changed and judged by both."""
    library, worker, work = oracle_jobs.library, oracle_jobs.worker, tmp_path_factory.mktemp("copies")
    random = np.random.default_rng(SEED)
    numbers = campaign.save_base(library, worker, "numbers", SEED, FEW_FORMATS)
    words = campaign.save_base(library, worker, "words", SEED, ("keras",))
    kinds = [*EXCHANGES, *islice(campaign.draw_kinds(random, numbers), MUTANTS)]
    mutants = campaign.try_mutants(library, worker, numbers, kinds, len(kinds), work, SEED)
    vocabulary = [each for each in KINDS if each.name == "vocabulary_entry"]
    mutants += campaign.try_mutants(library, worker, words, vocabulary[:1], 1, work, SEED)
    ways = [SOUND_WAYS[at] for at in random.permutation(len(SOUND_WAYS))[:SOUND]]
    sound = campaign.try_sound_copies(library, worker, numbers, ways, work)
    sound += campaign.try_sound_copies(library, worker, words, SOUND_WAYS[:1], work)
    drawn = [str(name) for name in random.choice(MODELS, MODELS_DRAWN, replace=False)]
    models = {name: save_model(library, worker, name, MODEL_FORMATS) for name in drawn}
    models |= {plan: save_model(library, worker, plan, PLAN_FORMATS) for plan in draw_plans(PLANS, SEED)}
    copies = [campaign.copy_of_trial(each) for each in mutants + sound]
    copies += [copy for name, saved in models.items() for copy in copies_of(name, saved.folders)]
    return Session(mutants, sound, models, campaign.run_judge(copies, work))


def test_layer_table_has_a_row_for_every_class_of_keras():
    assert sorted([*LAYERS, *LEFT_OUT]) == sorted(layer_classes())
    assert LAYERS.keys().isdisjoint(LEFT_OUT)


@pytest.mark.parametrize("name", ["mlp", "quantized_int8"])
def test_second_judge_finds_what_plain_keras_saved_the_same(name: str, tmp_path: Path):
    build_model(name).model.save(tmp_path / "model.keras")
    judged = judge.judge(copies_of(name, {"keras": tmp_path})[0])
    assert (judged["error"], judged["answers"]) == ("", "identical")
    assert [judged[part] for part in judge.PARTS if judged[part]] == []  # type: ignore[literal-required]


def test_drawn_mutants_are_noticed_and_placed(session: Session):
    figures = campaign.sum_up(session.mutants, session.judged)
    assert (figures.unnoticed, figures.misplaced) == ([], [])
    assert figures.tried - len(figures.below) - len(figures.equal) >= MUTANTS // 2


def test_sound_copies_are_not_accused(session: Session):
    damaged = [each.key for each in session.sound if judge.is_damaged(session.judged[each.key])]
    assert (campaign.accused(session.sound), damaged) == ([], [])


def test_compare_notices_mutants_and_no_sound_copy(session: Session, oracle_jobs: Jobs):
    trials = {campaign.commit_trial(oracle_jobs.library, each): each for each in session.mutants + session.sound}
    base = session.mutants[0].base
    trials = {id_: each for id_, each in trials.items() if each.base is base}
    job = oracle_jobs.compare([*base.ids.values(), *trials], baseline=base.run.id)
    outcomes = wait_until_done(oracle_jobs, job).result["outcomes"]
    told = {each.key for id_, each in trials.items() if campaign.is_told_apart(outcomes, id_, base.ids[each.format])}
    changed = {each.key for each in session.mutants if campaign.has_other_numbers(session.judged[each.key])}
    changed &= {each.key for each in trials.values()}
    assert changed - told == set()
    assert told.isdisjoint({each.key for each in session.sound})


def test_drawn_models_give_expected_verdicts(session: Session):
    wrong = {}
    for name, saved in session.models.items():
        if is_plan(name):
            continue
        expected = read_expected(name)
        found = {key: classify(key, said) for key, said in saved.said.items()}
        wrong |= {(name, key): is_ for key, is_ in found.items() if not is_met(expected[key], is_)}
    assert wrong == {}


def test_model_plans_are_repeatable_by_number_and_distinct():
    plans = draw_plans(4, SEED)
    assert plans == draw_plans(4, SEED)
    assert len(set(plans)) == 4
    assert plans != draw_plans(4, SEED + 1)


def test_both_judges_agree_on_drawn_models(session: Session):
    wrong = {}
    for name, saved in session.models.items():
        for key in saved.folders:
            words = list_disagreements(key, saved.said[key], session.judged[f"{name}|{key}"])
            if words:
                wrong[name, key] = words
    assert wrong == {}

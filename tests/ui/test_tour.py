"""The tour without a browser: what its pictures are given, and where the address leads."""

from collections.abc import Callable

import numpy as np
import pytest

from core.compare import Verdict
from core.compatibility.checks import COLUMNS
from core.compatibility.columns import Finding
from core.compatibility.matrix import MatrixRow
from core.errors import UnknownName
from core.evidence.records import ReloadOutcome
from core.jobs import Jobs
from core.library import Run
from core.library.job_store import Job
from core.settings import PROJECT
from core.tensors.rounding import round_to_bits
from tests.factories.library_entries import make_artifact, make_run
from tests.ui.test_pages import page_text
from ui.tour import copies
from ui.tour.choose import describe_guess
from ui.tour.copies import find_different
from ui.tour.fewer_bits import DenseNet, choose_row
from ui.tour.journey import ask, choose_tone, judge_guess
from ui.tour.mirror_bars import choose_example
from ui.tour.story import DEMO, FORMATS, STEPS
from ui.tour.suitcase import NOT_NEEDED, NOT_USABLE, make_suitcase, shorten_finding

KEPT = {column.key: Finding("kept", "It came back.") for column in COLUMNS}


def test_suitcase_drops_what_the_matrix_calls_lost():
    cells = KEPT | {"optimizer": Finding("lost", "No optimizer came back."), "weights": Finding("changed", "Rounded.")}
    suitcase = make_suitcase(MatrixRow("litert", "a0123456789", cells), 40_192)
    assert (suitcase["name"], suitcase["size"]) == ("LiteRT (.tflite)", "40.2 kB")
    assert {key: part["state"] for key, part in suitcase["parts"].items()} == {
        "architecture": "kept",
        "weights": "changed",
        "optimizer": "lost",
        "code": "kept",
    }
    assert suitcase["parts"]["optimizer"]["words"] == "No optimizer came back."
    assert suitcase["parts"]["code"]["words"] == NOT_NEEDED


def test_suitcase_says_that_an_optimizer_cannot_be_trained_with():
    cells = KEPT | {"trainable": Finding("lost", "A graph has no step to take.")}
    part = make_suitcase(MatrixRow("saved_model", "a0123456789", cells), 1)["parts"]["optimizer"]
    assert part == {"state": "unusable", "words": NOT_USABLE}


@pytest.mark.parametrize(
    ("state", "shown", "words"),
    [
        ("failed", "lost", "Lost."),
        ("not applicable", "not applicable", "Does not apply."),
        ("not verified", "not verified", "Not verified."),
    ],
)
def test_suitcase_claims_nothing_of_what_was_not_verified(state: str, shown: str, words: str):
    row = MatrixRow("keras", "a0123456789", KEPT | {"optimizer": Finding(state, "")})
    part = make_suitcase(row, 1)["parts"]["optimizer"]
    assert part == {"state": shown, "words": words}


@pytest.mark.parametrize(
    ("guess", "different", "sentence"),
    [
        ("architecture", ["architecture"], "Right: Architecture only (JSON) answers differently."),
        ("keras", ["architecture"], "Not that one: Architecture only (JSON) answers differently."),
        (
            "litert",
            ["architecture", "litert"],
            "Right: Architecture only (JSON) and LiteRT (.tflite) answer differently.",
        ),
        ("keras", [], "None of them was found to answer differently than the model that was trained."),
    ],
)
def test_guess_is_judged_by_the_verdicts(guess: str, different: list[str], sentence: str):
    assert judge_guess(guess, different) == sentence


@pytest.mark.parametrize(("guess", "has_cup"), [("architecture", True), ("litert", False)])
def test_only_a_right_guess_has_a_cup(guess: str, has_cup: bool):
    words = describe_guess(guess, ["architecture"])
    assert words.startswith(":material/emoji_events:") == has_cup
    assert words.endswith(judge_guess(guess, ["architecture"]))


def test_different_copies_are_those_whose_answers_changed():
    outcomes = {
        "keras": ReloadOutcome(verdict=Verdict.BIT_IDENTICAL),
        "litert": ReloadOutcome(verdict=Verdict.SAME_ANSWERS),
        "architecture": ReloadOutcome(verdict=Verdict.DIFFERENT),
        "keras_int4": ReloadOutcome(verdict=Verdict.SOME_CHANGED),  # no suitcase of the story
    }
    assert find_different(outcomes) == ["architecture"]


@pytest.mark.parametrize(
    "verdict", [Verdict.NOT_COMPARABLE, Verdict.DOES_NOT_LOAD, Verdict.NOT_RUN, Verdict.NOT_VERIFIED]
)
def test_copy_without_compared_answers_is_neither_different_nor_bad(verdict: Verdict):
    assert find_different({"keras": ReloadOutcome(verdict=verdict)}) == []
    assert choose_tone(verdict) == "neutral"


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [(Verdict.SAME_ANSWERS, "good"), (Verdict.SOME_CHANGED, "fair"), (Verdict.DIFFERENT, "bad")],
)
def test_tone_of_compared_answers_follows_the_verdict(verdict: Verdict, tone: str):
    assert choose_tone(verdict) == tone


@pytest.mark.parametrize(("count", "words"), [(0, []), (1, ["press it"]), (4, ["these 4"]), (5, ["these 5"])])
def test_question_counts_the_copies(count: int, words: list[str]):
    assert [part for part in ("press it", "these 4", "these 5") if part in ask(count)] == words
    assert bool(ask(count)) == (count > 0)


def test_example_in_place_of_a_drawing_is_the_surest_right_one():
    predictions = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    truth = np.array([[0, 1], [0, 1], [0, 1]])
    assert choose_example(predictions, truth) == 1


def make_net(columns: list[list[float]]) -> DenseNet:
    """A network whose logits are its hidden values."""
    kernel = np.array(columns, "float32").T
    return DenseNet(kernel, np.zeros(2, "float32"), np.eye(2, dtype="float32"), np.zeros(2, "float32"))


def test_row_of_the_slider_is_one_whose_answer_4_bits_flip():
    net = make_net([[1.0, 0.51], [1.0, 0.53]])  # 4 bits: 4/7 both in the second row, where the second column leads
    inputs = np.array([[1.0, 0.0], [-0.001, 1.0], [0.0, -1.0]], "float32")
    assert round_to_bits(net.kernel, 4)[1].tolist() == pytest.approx([4 / 7, 4 / 7])
    flips = net.logits(inputs, 4).argmax(axis=1) != net.logits(inputs).argmax(axis=1)
    assert flips.tolist() == [False, True, False]
    assert choose_row(net, inputs) == 1


def test_row_of_the_slider_without_a_flip_is_the_least_sure():
    net = make_net([[1.0, 0.0], [0.0, 1.0]])
    assert choose_row(net, np.array([[3.0, 0.0], [1.0, 0.9], [0.0, 2.0]], "float32")) == 1


def test_tour_page_without_a_tour_offers_one_button(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "tour")
    assert not app.exception
    assert [button.label for button in app.button] == ["Show me, 60 seconds"]


@pytest.mark.parametrize(("job", "sentence"), [("j0000000000", "Nothing in the library has this id"), ("x", "id")])
def test_tour_page_with_a_bad_address_shows_one_sentence(visit, empty_jobs: Jobs, job: str, sentence: str):
    app = visit(empty_jobs, "tour", job=job)
    assert not app.exception
    assert sentence in page_text(app)


def test_tour_page_refuses_another_demos_training(visit, jobs: Jobs, trained: Callable):
    job = jobs.train("digits-core", epochs=1)
    jobs.wait(job.id)
    assert "This is no tour" in page_text(visit(jobs, "tour", job=job.id))


def test_steps_are_numbered_in_the_order_of_the_rail():
    assert [step.label.split()[0] for step in STEPS.values()] == [str(number + 1) for number in range(7)]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (
            "0 of 4 tensors came back bit-equal; not a/kernel, a/bias. It has 4 parameters.",
            "0 of 4 tensors came back bit-equal.",
        ),
        ("The same 3 layers with the same settings.", "The same 3 layers with the same settings."),
        ("", ""),
    ],
)
def test_finding_in_a_suitcase_is_its_first_statement(words: str, first: str):
    assert shorten_finding(words) == first


TRAINING, SAVE = "j0000000001", "j0000000002"


def make_tour(jobs: Jobs, save_state: str, formats: tuple[str, ...] = ()) -> tuple[Run, dict[str, str]]:
    """A tour's jobs, of a run made by hand. Returns the run, and the ids of its copies by format."""
    run = make_run(jobs.library)
    ids = {key: make_artifact(jobs.library, run, key).id for key in formats}
    rows = {key: {"state": "done", "artifact": id_, "verdict": "bit-identical"} for key, id_ in ids.items()}
    rows = {key: row | {"rows": 4, "changed_rows": 0} for key, row in rows.items()}
    training = {"kind": "train", "request": {"demo": DEMO, "settings": {}}, "result": {"run": run.id}, "state": "done"}
    jobs.job_store.create(Job(id=TRAINING, title="A tour", **training))
    jobs.job_store.create(make_save(SAVE, run, state=save_state, result={"rows": rows}))
    return run, ids


def make_save(id_: str, run: Run, **facts) -> Job:
    return Job(id=id_, kind="save", title="Its copies", request={"run": run.id, "formats": list(FORMATS)}, **facts)


def test_stopped_save_pressed_twice_is_started_once(visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    run, _ = make_tour(empty_jobs, "cancelled")
    started: list[Job] = []

    def save(run_id: str, formats: tuple[str, ...]) -> Job:
        assert (run_id, formats) == (run.id, FORMATS)
        started.append(empty_jobs.job_store.create(make_save("j0000000003", run, state="running")))
        return started[-1]

    monkeypatch.setattr(empty_jobs, "save", save)
    monkeypatch.setattr("ui.tour.learn.draw_and_answer", lambda run, ids: None)
    app = visit(empty_jobs, "tour", job=TRAINING)
    (button,) = [button for button in app.button if button.label == "Save the copies again"]
    app = button.click().run()
    assert len(started) == 1
    assert "Save the copies again" not in [button.label for button in app.button]
    copies._restart_save(run.id)  # the second press of a double click
    assert len(started) == 1


def test_button_that_saves_again_is_drawn_outside_of_the_fragment(
    visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch
):
    make_tour(empty_jobs, "cancelled")
    monkeypatch.setattr("ui.tour.learn.draw_and_answer", lambda run, ids: None)
    monkeypatch.setattr("streamlit.fragment", lambda run_every: lambda draw: lambda: None)  # fragments draw nothing
    app = visit(empty_jobs, "tour", job=TRAINING)
    assert "Save the copies again" in [button.label for button in app.button]


def test_tour_is_restored_when_the_page_is_entered_again(visit, empty_jobs: Jobs):
    make_tour(empty_jobs, "cancelled")
    app = visit(empty_jobs, "tour", job=TRAINING, step="choose", guess="litert")
    app.query_params.clear()
    app.switch_page(str(PROJECT / "pages" / "home.py")).run()
    assert not app.query_params
    assert "Continue the tour" in [button.label for button in app.button]
    assert "Show me, 60 seconds" not in [button.label for button in app.button]
    app.switch_page(str(PROJECT / "pages" / "tour.py")).run()
    assert app.query_params == {"job": TRAINING, "step": "choose", "guess": "litert"}
    assert app.header[0].value == STEPS["choose"].title
    assert "Start again" in [button.label for button in app.button]


def test_tour_that_is_gone_is_restored_no_second_time(visit, empty_jobs: Jobs):
    make_tour(empty_jobs, "cancelled")
    app = visit(empty_jobs, "tour", job=TRAINING, step="choose")
    empty_jobs.job_store.delete(TRAINING)
    app = app.run()
    assert "Nothing in the library has this id" in page_text(app)
    assert [button.label for button in app.button] == ["Start again"]
    app.query_params.clear()
    assert [button.label for button in app.run().button] == ["Show me, 60 seconds"]


def test_removed_copies_are_no_copies_of_the_tour(visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    _, ids = make_tour(empty_jobs, "done", ("keras", "litert"))
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("ui.tour.mirror_bars.draw_and_answer", lambda run, copies, _: shown.append(copies))
    empty_jobs.library.remove(ids["litert"])
    visit(empty_jobs, "tour", job=TRAINING, step="draw")
    assert shown == [{"keras": ids["keras"]}]


def test_tour_whose_copies_are_all_removed_offers_to_save_them_again(visit, empty_jobs: Jobs):
    _, ids = make_tour(empty_jobs, "done", ("keras",))
    empty_jobs.library.remove(ids["keras"])
    app = visit(empty_jobs, "tour", job=TRAINING, step="resume")
    assert "no longer in the library" in page_text(app)
    assert {"Save the copies again", "Back"} <= {button.label for button in app.button}


@pytest.mark.parametrize("step", ["draw", "resume"])
def test_step_that_fails_shows_a_sentence_and_the_way_on(
    step: str, visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise UnknownName("It was removed meanwhile.")

    make_tour(empty_jobs, "done", ("keras",))
    monkeypatch.setattr("ui.tour.mirror_bars.draw_canvas", fail)
    monkeypatch.setattr(empty_jobs, "find_resume_job", fail)
    app = visit(empty_jobs, "tour", job=TRAINING, step=step)
    assert not app.exception
    assert [error.value for error in app.error] == ["It was removed meanwhile\\."]
    labels = [button.label for button in app.button]
    assert labels[labels.index("Back") + 1].startswith("Next: ")
    assert ("Save an ONNX copy for this browser" in labels) == (step == "draw")

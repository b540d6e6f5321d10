"""Copies that train on beside the live model: who carries on to the last bit, who jumps, and who cannot train."""

import os
import signal
import time
from itertools import chain
from typing import Any

import numpy as np
import pytest

from core.demos import get_demo
from core.demos.base import Split, TrainSettings
from core.errors import Cancelled
from core.evidence.fingerprint_matching import TensorMatchCount
from core.formats import FORMATS
from core.jobs import Jobs
from core.jobs.resume import LIVE_MODEL, build_batches
from core.library.job_store import Job
from core.runtimes.live import live_predictor
from core.worker.tasks.resume import Batches, ResumableModel
from tests.helpers import CANCEL_SECONDS, wait_until, wait_until_done
from tests.parameter_pairs import is_drawn

EPOCHS = 2
# Formats that claim the optimizer's state, and come back as layers: whoever claims that has to carry on exactly.
FULL_STATE_FORMATS = [
    format_.key for format_ in FORMATS if "optimizer state" in format_.keeps and "graph" not in format_.keeps
]
# Of these every run trains on the first, and one that a seed draws; the long run trains on the others.
_, *OTHERS = FULL_STATE_FORMATS
LONG_FORMATS = [key for at, key in enumerate(OTHERS) if not is_drawn(at, len(OTHERS))]
KEYS = {
    "digits-mlp": (*FULL_STATE_FORMATS, "h5", "safetensors", "architecture", "saved_model", "litert"),
    "digits-core": ("checkpoint", "safetensors", "saved_model", "frozen_graph"),
}
EXPECTED_VERDICTS = {
    **{("digits-mlp", key): "exact" for key in FULL_STATE_FORMATS},
    ("digits-mlp", "h5"): "jumps",
    ("digits-mlp", "safetensors"): "jumps",
    ("digits-mlp", "architecture"): "starts-over",
    ("digits-mlp", "saved_model"): "cannot-train",
    ("digits-mlp", "litert"): "cannot-train",
    ("digits-core", "checkpoint"): "exact",
    ("digits-core", "safetensors"): "jumps",
    ("digits-core", "saved_model"): "cannot-train",
    ("digits-core", "frozen_graph"): "cannot-train",
}
PAIRS = [
    pytest.param(*pair, marks=pytest.mark.long if pair in [("digits-mlp", key) for key in LONG_FORMATS] else ())
    for pair in EXPECTED_VERDICTS
]
EXACT = [pair for pair in PAIRS if EXPECTED_VERDICTS[pair.values] == "exact"]
JUMPS = [pair for pair, end in EXPECTED_VERDICTS.items() if end == "jumps"]


@pytest.fixture(scope="module")
def resume_demo(jobs: Jobs, trained, saved):
    """A function that gives (job, {format: continuation}, {format: losses}) of a demo's copies, done once.

    With the key of a format of the long run it gives those of these formats.
    """
    done: dict[tuple[str, bool], tuple[Job, dict[str, dict], dict[str, np.ndarray]]] = {}

    def of(demo: str, key: str = ""):
        is_long = demo == "digits-mlp" and key in LONG_FORMATS
        if (demo, is_long) not in done:
            keys = [each for each in KEYS[demo] if (demo == "digits-mlp" and each in LONG_FORMATS) == is_long]
            ids = {saved(demo, each)["artifact"]: each for each in keys}
            job = wait_until_done(jobs, jobs.resume(trained(demo), ids, EPOCHS))
            arrays = {ids.get(name, name): losses for name, losses in jobs.job_store.load_arrays(job.id).items()}
            done[demo, is_long] = job, {ids[id_]: item for id_, item in job.result["copies"].items()}, arrays
        return done[demo, is_long]

    return of


# How each carries on


@pytest.mark.parametrize(("demo", "key"), PAIRS, ids=lambda value: value)
def test_resume_job_verdict_per_format_matches_its_state(resume_demo, demo: str, key: str):
    _, copies, losses = resume_demo(demo, key)
    assert copies[key]["ending"] == EXPECTED_VERDICTS[demo, key]
    assert (key in losses) is (EXPECTED_VERDICTS[demo, key] != "cannot-train")


@pytest.mark.parametrize(("demo", "key"), EXACT, ids=lambda value: value)
def test_resume_job_lossless_copy_is_bit_identical_to_live_model(resume_demo, demo: str, key: str):
    _, copies, losses = resume_demo(demo, key)
    assert losses[key].tobytes() == losses[LIVE_MODEL].tobytes()
    weights = [TensorMatchCount(**epoch["weights"]) for epoch in copies[key]["epochs"]]
    assert [(match.found, match.of, match.missing, bool(match.surplus)) for match in weights] == [
        (4, 4, [], False)
    ] * EPOCHS
    assert all(match.values == match.values_of > 0 for match in weights)
    assert copies[key]["parts"] == dict.fromkeys(("weights", "step count", "moments", "learning rate"), True)
    assert (copies[key]["gap"]["first"], copies[key]["remark"]) == (None, "")


@pytest.mark.parametrize(("demo", "key"), JUMPS, ids=lambda value: value)
def test_resume_job_without_optimizer_state_differs_from_second_loss(resume_demo, demo: str, key: str):
    _, copies, losses = resume_demo(demo)
    gap = copies[key]["gap"]
    assert losses[key][0] == losses[LIVE_MODEL][0]
    assert (gap["first"], gap["after_step"]) == (2, losses[key][1] - losses[LIVE_MODEL][1])
    apart = np.abs(losses[key] - losses[LIVE_MODEL])
    assert (abs(gap["largest"]), gap["largest_at"]) == (apart.max(), apart.argmax() + 1)
    assert copies[key]["parts"] == {"weights": True, "step count": False, "moments": False, "learning rate": True}
    assert copies[key]["numbers"]["step count"] == 0
    assert copies[key]["sentence"].startswith("Its optimizer state was lost. After the first step the loss is 0.0")


def test_resume_job_broken_optimizer_is_replaced_with_remark(resume_demo):
    _, copies, losses = resume_demo("digits-mlp")
    assert copies["h5"]["remark"] == (
        "The optimizer came back without the model's variables, so training cannot go on as it is: a new Adam, as in "
        "the demo's code, begins from zero."
    )
    saved = TensorMatchCount(**copies["h5"]["saved"])
    assert (saved.found, saved.of, len(saved.missing), bool(saved.surplus)) == (2, 10, 8, False)
    assert losses["h5"].tobytes() == losses["safetensors"].tobytes()


def test_an_architecture_alone_starts_over(resume_demo):
    _, copies, losses = resume_demo("digits-mlp")
    assert losses["architecture"][0] == pytest.approx(np.log(10), rel=0.5)  # a guess among ten
    assert copies["architecture"]["sentence"].startswith("4 of 4 weight tensors are not the run's own. Its first loss")
    assert copies["architecture"]["epochs"][-1]["weights"]["found"] == 0


@pytest.mark.parametrize(
    ("key", "sentence", "parts"),
    [
        ("litert", "It came back as a program that answers: the weights are constants in it", None),
        ("saved_model", "It came back as functions that answer: no loss, and no function that takes a training", True),
    ],
)
def test_resume_job_inference_format_says_why_it_cannot_train(resume_demo, key: str, sentence: str, parts: bool | None):
    _, copies, _ = resume_demo("digits-mlp")
    assert copies[key]["sentence"].startswith(sentence)
    assert copies[key]["error"]["code"] == "cannot-train"
    assert (copies[key]["parts"]["moments"], copies[key]["epochs"]) == (parts, [])


def test_whole_numbers_cannot_be_trained(jobs: Jobs, trained, saved):
    id_ = saved("digits-mlp", "keras_int8")["artifact"]
    copy = wait_until_done(jobs, jobs.resume(trained("digits-mlp"), [id_], 1)).result["copies"][id_]
    assert copy["ending"] == "cannot-train"
    assert copy["sentence"] == "Its weights came back as whole numbers (int8), which no step can move."


def test_resume_job_architecture_supplies_compile_settings(jobs: Jobs, trained, saved):
    weights, layers = (saved("digits-mlp", key)["artifact"] for key in ("weights", "architecture"))
    job = wait_until_done(jobs, jobs.resume(trained("digits-mlp"), [weights], 1, {weights: layers}))
    copy = job.result["copies"][weights]
    assert (copy["ending"], copy["remark"], copy["numbers"]["step count"]) == ("exact", "", 80)


def test_trainee_uncompiled_model_gets_demo_loss_and_new_optimizer():
    import keras

    demo = get_demo("digits-mlp")
    source = {"demo": demo.key, "settings": demo.defaults.model_dump()}
    keras.utils.set_random_seed(0)
    bare = demo.build(demo.defaults)
    bare.compiled = False
    trainee = ResumableModel(live_predictor(bare), demo, source)
    assert trainee.initial_state["remark"] == (
        "It came back without its loss and optimizer: a new Adam, as in the demo's code, begins from zero."
    )
    rows = {"pixels": np.ones((4, 64), "float32")}, {"digit": np.eye(10, dtype="float32")[:4]}
    first, *_, last = (trainee.step(*rows) for _ in range(5))
    assert first == pytest.approx(np.log(10), rel=0.5)
    assert last < first
    assert trainee.summarize_epoch(1, [0.5, float("nan")], Split(*rows))["loss"] is None  # no JSON has a word for it


def test_resume_job_dropout_and_augmentation_are_equal_in_all_copies(jobs: Jobs, trained, saved):
    ids = {saved("digits-cnn", key)["artifact"]: key for key in ("keras", "weights")}
    copies = wait_until_done(jobs, jobs.resume(trained("digits-cnn"), ids, 1)).result["copies"]
    assert {ids[id_]: copy["ending"] for id_, copy in copies.items()} == {"keras": "exact", "weights": "exact"}


# The same batches, and numbers that can be checked by hand


@pytest.mark.parametrize("demo", KEYS)
def test_resume_job_all_copies_get_same_rows_in_same_order(jobs: Jobs, resume_demo, demo: str):
    job, copies, losses = resume_demo(demo)
    orders = {copy["order"] for copy in copies.values() if copy["order"]}
    assert orders == {job.result["live"]["order"]}
    assert job.result["batches"] == 40
    assert {len(loss) for loss in losses.values()} == {40 * EPOCHS}


def test_batches_epoch_has_every_row_once_in_own_order():
    batches = Batches(rows=1257, size=32, epochs=2, seed=0)
    first, second = ([rows.tolist() for rows in batches.row_indices(epoch)] for epoch in (0, 1))
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(1257))
    assert first != second
    assert [rows.tolist() for rows in batches.row_indices(0)] == first
    assert [rows.tolist() for rows in batches._replace(seed=1).row_indices(0)] != first
    assert [len(rows) for rows in first] == [32] * 39 + [9]
    assert batches.batches_per_epoch == 40


def test_resume_job_first_loss_matches_hand_computation(jobs: Jobs, trained, resume_demo):
    run = jobs.library.run(trained("digits-mlp"))
    _, _, losses = resume_demo("digits-mlp")
    split = get_demo("digits-mlp").data(TrainSettings(**run.settings)).train
    rows = next(iter(build_batches(run, EPOCHS).row_indices(0)))
    with np.load(jobs.library.snapshot(run.id) / "variables.npz") as stored:
        kernel, bias, out, out_bias = (stored[str(index)].astype("float64") for index in range(4))
    hidden = np.maximum(split.inputs["pixels"][rows] @ kernel + bias, 0)
    logits = hidden @ out + out_bias
    likelihood = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log((likelihood * split.targets["digit"][rows]).sum(axis=1)).mean()
    assert losses[LIVE_MODEL][0] == pytest.approx(expected, rel=1e-5)


def test_resume_job_epoch_loss_is_mean_of_its_batches(resume_demo):
    job, copies, losses = resume_demo("digits-mlp")
    for epochs, own in ((job.result["live"]["epochs"], losses[LIVE_MODEL]), (copies["h5"]["epochs"], losses["h5"])):
        assert [epoch["loss"] for epoch in epochs] == pytest.approx([own[:40].mean(), own[40:].mean()], rel=1e-12)
        assert [epoch["score_name"] for epoch in epochs] == ["accuracy", "accuracy"]
        assert epochs[1]["score"] > 0.8


def test_resume_job_live_model_losses_are_reproducible(jobs: Jobs, trained, saved, resume_demo):
    _, _, losses = resume_demo("digits-core")
    job = wait_until_done(
        jobs, jobs.resume(trained("digits-core"), [saved("digits-core", "checkpoint")["artifact"]], 1)
    )
    assert jobs.job_store.load_arrays(job.id)[LIVE_MODEL].tobytes() == losses[LIVE_MODEL][:40].tobytes()


# As a job


def test_resume_same_request_reuses_and_finds_the_job(jobs: Jobs, trained, saved, resume_demo):
    job, _, _ = resume_demo("digits-core")
    request = trained("digits-core"), job.request["artifacts"]
    assert jobs.resume(*request, EPOCHS) == job
    assert jobs.find_resume_job(*request, EPOCHS) == job
    assert jobs.find_resume_job(*request, 7) is None
    assert jobs.find_resume_job(*request, EPOCHS, seed=1) is None


def test_resume_job_records_learning_curves_while_running(jobs: Jobs, trained, saved):
    seen: list[Job] = []
    job = jobs.resume(trained("digits-mlp"), [saved("digits-mlp", "keras")["artifact"]], 15)
    end = jobs.wait(job.id, on_update=seen.append)
    grown = [len(item.detail["curves"].get(LIVE_MODEL, [])) for item in seen if "curves" in item.detail]
    assert grown == sorted(grown)
    assert grown[0] < grown[-1]
    whole = jobs.job_store.load_arrays(end.id)[LIVE_MODEL][:: end.detail["every"]].tolist()
    assert end.detail["curves"][LIVE_MODEL] == whole[: len(end.detail["curves"][LIVE_MODEL])]
    assert [item.progress for item in seen] == sorted(item.progress for item in seen)


def test_resume_job_cancel_ends_it(jobs: Jobs, trained, saved):
    job = jobs.resume(trained("digits-mlp"), [saved("digits-mlp", "keras")["artifact"]], 20, seed=5)
    wait_until(lambda: jobs.job_store.read(job.id).progress > 0)
    pressed = time.monotonic()
    jobs.cancel(job.id)
    end = jobs.wait(job.id)
    assert time.monotonic() - pressed < CANCEL_SECONDS
    assert (end.state, end.error["sentence"]) == ("cancelled", "It was cancelled.")


class KillingWorker:
    """A worker whose child is killed at its first message, where it trains a copy of one format."""

    def __init__(self, worker: Any, format_key: str):
        self._worker, self._format = worker, format_key

    def run(self, task: str, *, sandboxed: bool, **request: Any) -> Any:
        with self._worker.open(sandboxed=sandboxed) as child:
            if (request["copy"] or {}).get("format") == self._format:
                request["on_progress"] = lambda _: os.kill(child.pid, signal.SIGKILL)
            return child.request(task, **request)


def test_resume_job_killed_child_fails_only_its_copy(jobs: Jobs, worker, trained, saved):
    deadly = Jobs(jobs.library, KillingWorker(worker, "checkpoint"), jobs.config)
    dead, good = (saved("digits-core", key)["artifact"] for key in ("checkpoint", "safetensors"))
    copies = wait_until_done(jobs, deadly.resume(trained("digits-core"), [dead, good], 3)).result["copies"]
    assert (copies[dead]["ending"], copies[dead]["error"]["code"]) == ("failed", "child-died")
    assert copies[dead]["sentence"].startswith("The process that held the model ended before it answered: ")
    assert copies[good]["ending"] == "jumps"
    request = trained("digits-core"), [dead, good], 3
    assert jobs.find_resume_job(*request).result["copies"] == copies
    assert wait_until_done(jobs, jobs.resume(*request)).result["copies"][dead]["ending"] == "exact"


class RecordingWorker(KillingWorker):
    """The same, and how the training of each copy ended."""

    ends: list[type[Exception] | None]

    def run(self, task: str, **request: Any) -> Any:
        error = None
        try:
            return super().run(task, **request)
        except Exception as caught:
            error = type(caught)
            raise
        finally:
            self.ends += [error] if request["copy"] else []


def test_resume_job_live_model_failure_cancels_copies(jobs: Jobs, worker, trained, saved):
    noting = RecordingWorker(worker, None)  # the live model has no format
    noting.ends = []
    copies = [saved("digits-mlp", "keras")["artifact"]]
    two_at_once = jobs.config.model_copy(update={"parallel": 2})
    end = jobs.wait(Jobs(jobs.library, noting, two_at_once).resume(trained("digits-mlp"), copies, 20, seed=6).id)
    assert (end.state, end.error["code"]) == ("failed", "child-died")
    assert noting.ends == [Cancelled]


def test_resume_job_damaged_copy_or_missing_snapshot_fails(copied_entries):
    own, run, artifacts = copied_entries("digits-core", "checkpoint", "safetensors")
    bad, good = artifacts.values()
    before = own.resume(run, [bad, good], 1)
    assert wait_until_done(own, before).result["copies"][bad]["ending"] == "exact"
    (own.library.verified_folder(bad) / "model.index").write_bytes(b"")
    after = wait_until_done(own, own.resume(run, [bad, good], 1))
    assert after.id != before.id
    assert (after.result["copies"][bad]["ending"], after.result["copies"][good]["ending"]) == ("failed", "jumps")
    assert after.result["copies"][bad]["error"]["code"] == "damaged"
    (own.library.home / "runs" / run / "snapshot" / "variables.npz").unlink()
    end = own.wait(own.resume(run, [good], 1).id)
    assert (end.state, end.error["sentence"]) == ("failed", "The file variables.npz is missing.")

"""Halves, copies that hold numbers alone, take the layers of their own run, and others only where a person says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.compare import Verdict
from core.errors import InputError
from core.exports.proof_kit import build_proof_kit
from core.jobs import Jobs
from core.jobs.participants import list_code_sources
from core.library import Library
from core.library.add_model import AddResult, save_live_model
from core.text.summaries import list_caveats
from core.worker import Worker
from tests.exports.kit_execution import run_kits, unpack_kit
from tests.helpers import wait_until_done

HALVES = ["weights", "safetensors", "checkpoint", "weights_sharded"]
ROWS = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
SNAPSHOT_WORDS = "the snapshot of this run: its layers and vocabularies, without its numbers"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("halves"))


@pytest.fixture(scope="module")
def own_jobs(library: Library, worker: Worker, config) -> Jobs:
    return Jobs(library, worker, config.model_copy(update={"home": library.home}))


@pytest.fixture(scope="module")
def add(library: Library, worker: Worker) -> Callable[..., dict[str, AddResult]]:
    """A function that adds a model; gives the results by format."""
    return lambda model, rows, formats: {
        item.format: item for item in save_live_model(library, model, rows, formats, "", worker)
    }


def build_sequential(activation: str) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((4,)), keras.layers.Dense(8, activation, name="p"), keras.layers.Dense(3)]
    return keras.Sequential(layers)


@pytest.fixture(scope="module")
def added_halves(add) -> dict[str, AddResult]:
    """The halves of a run with relu, in a library that holds an architecture with tanh alone."""
    add(build_sequential("tanh"), ROWS, ["architecture"])
    return add(build_sequential("relu"), ROWS, HALVES)


@pytest.fixture(scope="module")
def relu_halves(added_halves) -> dict[str, str]:
    """Their ids."""
    return {key: item.artifact.id for key, item in added_halves.items()}


def compare(jobs: Jobs, ids: list[str], **options: Any) -> dict[str, dict[str, Any]]:
    return wait_until_done(jobs, jobs.compare(ids, **options)).result["outcomes"]


def test_half_without_named_source_takes_its_own_snapshot(own_jobs, relu_halves):
    outcomes = compare(own_jobs, list(relu_halves.values()))
    results = [(each["verdict"], each["source"], each["weights"]["found"]) for each in outcomes.values()]
    assert results == [("bit-identical", SNAPSHOT_WORDS, 4)] * 4
    caveats = list_caveats(outcomes[relu_halves["weights"]], "snapshot")
    assert f"Its layers came from {SNAPSHOT_WORDS}." in caveats


def test_half_takes_another_runs_architecture_only_when_asked(own_jobs, library, relu_halves):
    weights = relu_halves["weights"]
    offered = list_code_sources(library, weights)
    assert offered[0].key == "snapshot"
    other = next(source for source in offered if "another run" in source.label)
    [outcome] = compare(own_jobs, [weights], sources={weights: other.key}).values()
    assert (outcome["verdict"], outcome["source"]) == ("different", other.label)


def test_half_prefers_the_architecture_copy_of_its_run(own_jobs, library, relu_halves):
    run = library.artifact(relu_halves["weights"]).run
    saved = wait_until_done(own_jobs, own_jobs.save(run, ["architecture"])).result["rows"]["architecture"]
    outcomes = compare(own_jobs, list(relu_halves.values()))
    words = f"architecture {saved['artifact']} of this run"
    assert [(each["verdict"], each["source"]) for each in outcomes.values()] == [("bit-identical", words)] * 4


def test_added_halves_are_proven_with_the_layers_of_their_run(added_halves):
    assert {item.evidence.best.verdict for item in added_halves.values()} == {Verdict.DOES_NOT_LOAD}
    proven = {key: item.evidence.completed for key, item in added_halves.items()}
    assert {key: (each.verdict, each.weights.found) for key, each in proven.items()} == dict.fromkeys(
        HALVES, (Verdict.BIT_IDENTICAL, 4)
    )


@pytest.mark.long
def test_half_whose_paths_depend_on_how_it_was_made_is_proven(add):
    """Names of models around a layer, and two layers of one name, are gone where Keras reads it from its config."""
    import keras

    def encode(name: str) -> Any:
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="d")], name=name)

    x = keras.Input((4,))
    two = keras.Model(x, keras.layers.Add()([encode("one")(x), encode("two")(x)]))
    rnn = keras.Sequential(
        [keras.Input((4, 1)), keras.layers.Bidirectional(keras.layers.GRU(2)), keras.layers.Dense(1)]
    )
    for model, rows in ((two, ROWS), (rnn, ROWS[..., None])):
        proven = [item.evidence.completed.verdict for item in add(model, rows, HALVES).values()]
        assert proven == [Verdict.BIT_IDENTICAL] * 4


@pytest.mark.long
def test_halves_of_a_module_take_the_graph_of_its_snapshot(add, own_jobs):
    import tensorflow as tf

    class Affine(tf.Module):
        def __init__(self):
            super().__init__()
            self.parts = [
                tf.Variable(np.eye(4, dtype="float32"), name="w"),
                tf.Variable(np.ones(4, "float32"), name="b"),
            ]

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
        def __call__(self, x):
            return {"y": x @ self.parts[0] + self.parts[1]}

    ids = [item.artifact.id for item in add(Affine(), {"x": ROWS}, ["checkpoint", "safetensors"]).values()]
    outcomes = compare(own_jobs, ids)
    assert [(each["verdict"], each["source"]) for each in outcomes.values()] == [("bit-identical", SNAPSHOT_WORDS)] * 2


@pytest.fixture(scope="module")
def worded_halves(add) -> dict[str, str]:
    """Ids of the copies of a model with an adapted vocabulary."""
    import keras

    words = keras.layers.TextVectorization(output_mode="multi_hot", max_tokens=20)
    words.adapt(["a b c", "b c d", "hello world"])
    text = keras.Input((), dtype="string")
    rows = np.array(["a b", "hello", "d", "zzz"] * 4)
    model = keras.Model(text, keras.layers.Dense(2)(words(text)))
    return {key: item.artifact.id for key, item in add(model, rows, ["architecture", "weights"]).items()}


def test_half_of_a_model_with_vocabulary_takes_it_from_the_snapshot(own_jobs, library, worded_halves, tmp_path: Path):
    weights = worded_halves["weights"]
    [outcome] = compare(own_jobs, [weights]).values()
    assert (outcome["verdict"], outcome["source"]) == ("bit-identical", SNAPSHOT_WORDS)
    architecture = json.loads((unpack_kit(library, weights, tmp_path) / "architecture.json").read_text())
    layers = {layer["class_name"]: layer["config"] for layer in architecture["config"]["layers"]}
    assert layers["TextVectorization"]["vocabulary"] == ["[UNK]", "c", "b", "world", "hello", "d", "a"]


@pytest.mark.long
def test_kit_of_a_half_with_vocabulary_passes(library, worded_halves, tmp_path: Path):
    [ran] = run_kits([unpack_kit(library, worded_halves["weights"], tmp_path)]).values()
    assert (ran.status, ran.output.splitlines()[-1]) == (0, "PASS")


def test_kit_of_a_half_that_was_never_completed_is_refused(library, relu_halves):
    id_ = relu_halves["checkpoint"]
    path = library.home / "artifacts" / id_ / "evidence.json"
    text = path.read_text(encoding="utf-8")
    evidence = library.evidence(id_).model_copy(update={"completed": None})
    try:
        path.write_text(evidence.to_json_text(), encoding="utf-8")
        with pytest.raises(InputError, match="was never tried with its other half"):
            build_proof_kit(library, id_)
    finally:
        path.write_text(text, encoding="utf-8")

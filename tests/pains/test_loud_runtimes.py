"""What stops with an exception, of converters, runtimes, versions, sizes and paths."""

import dataclasses
import json
import shutil
import zipfile

import pytest

from core.errors import CannotSave, InputError
from core.formats import get_format
from core.runtimes.base import weight_bytes
from tests.conftest import finished
from tests.pains.models import PICTURES, ROWS, dense, fitted, module, scale_class, subclassed

OTHERS = "Choose SavedModel, Keras weights in shards or safetensors, which have no such limit."
SEQUENCES = PICTURES.reshape(40, 8, 8)


def recurrent():
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8)), keras.layers.LSTM(3, name="memory")])


def _as_keras_2_wrote_it(path) -> None:
    """Give the LSTM of a .keras file the argument that Keras 2 wrote and Keras 3 does not know."""
    with zipfile.ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    config = json.loads(parts["config.json"])
    next(one for one in config["config"]["layers"] if one["class_name"] == "LSTM")["config"]["time_major"] = False
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as after:
        for name, content in parts.items():
            after.writestr(name, content)


@pytest.fixture(scope="module")
def old(jobs, add):
    """The id of a .keras artifact that Keras 2.15 is said to have written."""
    new, library = add(recurrent(), ["keras"], SEQUENCES)["keras"], jobs.library
    with library.staging() as staged:
        shutil.copytree(library.verified_folder(new.artifact.id), staged / "files")
        _as_keras_2_wrote_it(staged / "files" / "model.keras")
        facts = {"format": "keras", "seconds": 0.1, "versions": new.artifact.versions | {"keras": "2.15.0"}}
        return library.commit_artifact(staged, new.artifact.run, new.evidence, **facts).id


def test_p15_a_file_of_another_version_says_the_argument_and_both_versions(old, compared):
    import keras

    error = compared(old).error
    assert error["sentence"] == (
        "The class 'LSTM' that was found takes other arguments than the saved one did ({'time_major': False}). "
        f"It was saved with keras 2.15.0, now {keras.__version__}."
    )
    assert error["cure"] == "Give the version of the class that the model was saved with."


def test_p15_the_command_line_shows_what_else_was_running_then(old, command):
    import keras

    found = json.loads(command("show", old, "--json").stdout)
    assert found["other_versions"] == f"It was saved with keras 2.15.0, now {keras.__version__}."


def test_p15_a_copy_of_these_versions_says_nothing_of_them(jobs, add):
    assert add(dense(), ["keras"])["keras"].artifact.version_changes == ""


def test_p19_a_conversion_that_succeeds_and_does_not_run_names_the_operation(add, judged):
    added = add(dense("gelu"), ["onnx"])["onnx"]
    error = added.evidence.best.error
    assert error["sentence"] == (
        "The file is not valid ONNX: 'Erfc' was written down as it is, because opset 15 has no such operation."
    )
    assert "approximate=True for GELU" in error["cure"]
    assert judged(added.artifact.id).cells["answers"] == ("failed", error["sentence"])


def test_p19_a_file_that_does_not_run_is_not_tried_again_in_the_persons_own_program(add):
    added = add(dense("gelu", scale_class()(3.0)), ["onnx", "keras"])
    assert added["onnx"].evidence.with_code is None
    assert added["keras"].evidence.with_code.has_loaded


def test_p19_a_vocabulary_that_onnx_cannot_hold_is_refused(saved):
    row = saved("names", "onnx")
    assert (row["state"], row["error"]["code"]) == ("failed", "cannot-save")
    assert row["error"]["sentence"] == (
        "The model looks words up in a table, and a graph of constants cannot hold one."
    )
    assert row["error"]["cure"].endswith(".")


@pytest.fixture(scope="module")
def looped(add):
    return add(recurrent(), ["litert", "openvino"], SEQUENCES)


def test_p20_a_litert_file_counts_only_when_the_runtime_has_run_it(looped):
    error = looped["litert"].evidence.best.error
    assert error["sentence"] == (
        "The file needs an operation of TensorFlow itself (FlexTensorListReserve), which the LiteRT runtime does "
        "not have."
    )
    assert error["cure"].startswith("Build recurrent layers with unroll=True")


def test_p20_openvino_names_the_operation_that_it_lacks(looped):
    error = looped["openvino"].error
    assert error.sentence == "OpenVINO has no operation for TensorList."
    assert error.cure.startswith("Do that step outside of the model (a recurrent layer: build it with unroll=True)")


@pytest.mark.parametrize("name", ["Mein Modell", "größe"])
def test_p26_a_name_that_no_graph_takes_is_the_reason(add, name):
    with pytest.raises(InputError) as caught:
        add(dense(name=name), ["saved_model"])
    assert caught.value.sentence == f"The name '{name}' holds characters that a TensorFlow graph does not take."
    assert caught.value.cure == "Name the model and its layers with letters, digits, '_', '-' and '.' alone."


def test_p26_a_name_that_was_refused_is_not_left_on_the_next_model(add):
    with pytest.raises(InputError):
        add(dense(name="Mein Modell"), ["saved_model"])
    assert fitted(dense()).weights[0].path.startswith("small/")


@pytest.mark.parametrize("wrong", ["model.keras", "../KERAS"])
def test_p26_a_format_is_chosen_by_its_key_and_a_path_is_refused(add, command, wrong):
    run = add(dense(), ["keras"])["keras"].artifact.run
    said = command("save", run, wrong)
    assert said.returncode == 1
    assert said.stderr.startswith(f"There is no such format. Received: {wrong}. Choose from saved_model, ")


@pytest.mark.parametrize("format_key", ["onnx", "frozen_graph"])
def test_p28_more_weights_than_a_file_holds_are_refused_before_anything_is_tried(empty_jobs, format_key):
    library = empty_jobs.library
    library.add(dense(), inputs=ROWS, formats=[], worker=empty_jobs.worker)
    (run,) = library.runs()
    large = run.model_copy(update={"weight_bytes": 4 * 600_000_000})
    (library.home / "runs" / run.id / "run.json").write_text(large.to_json_text(), encoding="utf-8")
    row = finished(empty_jobs, empty_jobs.save(run.id, [format_key])).result["rows"][format_key]
    assert row["error"]["sentence"] == (
        "The weights take 2,400,000,000 bytes, and a file of this format holds at most 2,147,483,647."
    )
    assert row["error"]["cure"] == OTHERS
    assert library.refusals(run.id)[format_key]["error"]["sentence"] == row["error"]["sentence"]


def test_p28_the_size_of_a_live_model_is_asked_before_its_converter(tmp_path):
    model = dense()
    assert weight_bytes(model) == 4 * (4 * 8 + 8 + 8 * 3 + 3)
    small = dataclasses.replace(get_format("onnx"), max_weight_bytes=100)
    with pytest.raises(CannotSave) as caught:
        small.save_model(model, "keras", tmp_path)
    assert caught.value.sentence == "The weights take 268 bytes, and a file of this format holds at most 100."
    assert (caught.value.cure, list(tmp_path.iterdir())) == (OTHERS, [])


def test_p28_formats_in_many_files_have_no_limit():
    assert get_format("saved_model").refusal_reason("keras", 10**12) == ""
    assert get_format("weights_sharded").refusal_reason("keras", 10**12) == ""


def test_p29_a_pickled_class_of_a_function_says_where_it_must_live(add):
    model = subclassed()
    model(ROWS)
    error = add(model, ["pickle"])["pickle"].error
    assert error.sentence == (
        "Python pickles a class by the place where it is imported from, and 'subclassed.<locals>.Reader' is made "
        "inside a function."
    )
    assert error.cure.startswith("Define the class at the top of a module")


def test_p29_what_a_saved_model_loads_as_is_no_model_and_is_refused_as_such(jobs, add):
    import tensorflow as tf

    kept = add(dense(), ["saved_model"])["saved_model"].artifact.id
    with pytest.raises(InputError) as caught:
        add(tf.saved_model.load(jobs.library.verified_folder(kept)), ["pickle"])
    assert caught.value.sentence == "Only Keras models and tf.Module objects can be saved."
    assert caught.value.received == "_UserObject"


def test_p29_a_module_is_not_pickled(add):
    error = add(module(lambda self, x: x * 2.0), ["pickle"])["pickle"].error
    assert error.sentence.startswith("Takes Keras models only; this is a plain tf.Module")

"""What stops with an exception, of converters, runtimes, versions, sizes and paths."""

import dataclasses
import json
import shutil
import zipfile

import pytest

from core.compare import Verdict
from core.errors import CannotSave, InputError
from core.formats import get_format
from core.formats.litert import SINGLE_ROW_REMARK
from core.runtimes.variables import weight_bytes
from tests.factories.keras_models import (
    IMAGES,
    ROWS,
    build_dense_model,
    build_module,
    build_subclassed_model,
    fit,
)
from tests.helpers import wait_until_done

OTHER_FORMATS_CURE = "Choose SavedModel, Keras weights in shards or safetensors, which have no such limit."
SEQUENCES = IMAGES.reshape(40, 8, 8)


def build_lstm_model():
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8)), keras.layers.LSTM(3, name="memory")])


def _add_keras2_argument(path) -> None:
    """Give the LSTM of a .keras file the argument that Keras 2 wrote and Keras 3 does not know."""
    with zipfile.ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    config = json.loads(parts["config.json"])
    next(layer for layer in config["config"]["layers"] if layer["class_name"] == "LSTM")["config"]["time_major"] = False
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as after:
        for name, content in parts.items():
            after.writestr(name, content)


@pytest.fixture(scope="module")
def keras2_artifact(jobs, add):
    """The id of a .keras artifact that Keras 2.15 is said to have written."""
    new, library = add(build_lstm_model(), ["keras"], SEQUENCES)["keras"], jobs.library
    with library.staging() as staged:
        shutil.copytree(library.verified_folder(new.artifact.id), staged / "files")
        _add_keras2_argument(staged / "files" / "model.keras")
        facts = {"format": "keras", "seconds": 0.1, "versions": new.artifact.versions | {"keras": "2.15.0"}}
        return library.commit_artifact(staged, new.artifact.run, new.evidence, **facts).id


def test_p15_file_of_other_keras_names_argument_and_both_versions(keras2_artifact, compare_artifact):
    import keras

    error = compare_artifact(keras2_artifact).error
    assert error["sentence"] == (
        "The class 'LSTM' that was found takes other arguments than the saved one did ({'time_major': False}). "
        f"It was saved with keras 2.15.0, now {keras.__version__}."
    )
    assert error["cure"] == "Give the version of the class that the model was saved with."


def test_p15_show_command_prints_other_versions(keras2_artifact, run_command_process):
    import keras

    document = json.loads(run_command_process("show", keras2_artifact, "--json").stdout)
    assert document["other_versions"] == f"It was saved with keras 2.15.0, now {keras.__version__}."


def test_p15_artifact_of_current_versions_mentions_no_versions(jobs, add):
    assert add(build_dense_model(), ["keras"])["keras"].artifact.version_changes == ""


def log_gamma(x):
    """An operation that neither ONNX has nor any of its own make up."""
    import tensorflow as tf

    return tf.math.lgamma(tf.abs(x) + 1.0)


def test_p19_invalid_onnx_conversion_names_the_operation(add, matrix_row_of):
    added = add(build_dense_model(log_gamma), ["onnx"])["onnx"]
    error = added.evidence.best.error
    assert error["sentence"] == (
        "The file is not valid ONNX: 'Lgamma' was written down as it is, because opset 15 has no such operation."
    )
    assert error["cure"] == "Say the same with other operations, or choose SavedModel, which keeps every operation."
    assert matrix_row_of(added.artifact.id).cells["answers"] == ("failed", error["sentence"])


def make_gamma_layer_class():
    import keras

    class Gamma(keras.layers.Layer):
        def call(self, inputs):
            return log_gamma(inputs)

    return Gamma


def test_p19_exact_gelu_is_written_in_operations_that_onnx_has(add):
    added = add(build_dense_model("gelu"), ["onnx"])["onnx"]
    assert added.evidence.best.verdict.rank <= Verdict.ROUNDING.rank


def test_p19_failed_reload_is_not_repeated_in_own_process(add):
    added = add(build_dense_model("relu", make_gamma_layer_class()()), ["onnx", "keras"])
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
def lstm_results(add):
    return add(build_lstm_model(), ["litert", "openvino"], SEQUENCES)


def test_p20_lstm_for_litert_is_converted_for_one_row_and_says_so(lstm_results):
    result = lstm_results["litert"]
    assert result.evidence.best.verdict.rank <= Verdict.ROUNDING.rank
    assert result.artifact.remark == SINGLE_ROW_REMARK
    assert SINGLE_ROW_REMARK in repr(result)


def test_p20_litert_file_with_missing_operation_does_not_load(add):
    error = add(build_dense_model(erf), ["litert"])["litert"].evidence.best.error
    assert error["sentence"] == (
        "The file needs an operation of TensorFlow itself (FlexErf), which the LiteRT runtime does not have."
    )
    assert error["cure"].startswith("Build recurrent layers with unroll=True")


def erf(x):
    """An operation that LiteRT does not have by itself."""
    import tensorflow as tf

    return tf.math.erf(x)


def test_p20_openvino_names_the_operation_that_it_lacks(lstm_results):
    error = lstm_results["openvino"].error
    assert error.sentence == "OpenVINO has no operation for TensorList."
    assert error.cure.startswith("Do that step outside of the model (a recurrent layer: build it with unroll=True)")


@pytest.mark.parametrize("name", ["Mein Modell", "größe"])
def test_p26_model_name_invalid_in_graphs_is_refused(add, name):
    with pytest.raises(InputError) as caught:
        add(build_dense_model(name=name), ["saved_model"])
    assert caught.value.sentence == f"The name '{name}' holds characters that a TensorFlow graph does not take."
    assert caught.value.cure == "Name the model and its layers with letters, digits, '_', '-' and '.' alone."


def test_p26_refused_name_does_not_affect_next_model(add):
    with pytest.raises(InputError):
        add(build_dense_model(name="Mein Modell"), ["saved_model"])
    assert fit(build_dense_model()).weights[0].path.startswith("small/")


@pytest.mark.parametrize("wrong", ["model.keras", "../KERAS"])
def test_p26_save_command_refuses_path_as_format(add, run_command_process, wrong):
    run = add(build_dense_model(), ["keras"])["keras"].artifact.run
    text = run_command_process("save", run, wrong)
    assert text.returncode == 1
    assert text.stderr.startswith(f"There is no such format. Received: {wrong}. ")
    assert "Choose from saved_model, " in text.stderr


@pytest.mark.parametrize("format_key", ["onnx", "frozen_graph"])
def test_p28_weights_over_file_limit_are_refused_before_saving(empty_jobs, format_key):
    library = empty_jobs.library
    library.add(build_dense_model(), inputs=ROWS, formats=[], worker=empty_jobs.worker)
    (run,) = library.runs()
    large = run.model_copy(update={"weight_bytes": 4 * 600_000_000})
    (library.home / "runs" / run.id / "run.json").write_text(large.to_json_text(), encoding="utf-8")
    row = wait_until_done(empty_jobs, empty_jobs.save(run.id, [format_key])).result["rows"][format_key]
    assert row["error"]["sentence"] == (
        "The weights take 2,400,000,000 bytes, and a file of this format holds at most 2,147,483,647."
    )
    assert row["error"]["cure"] == OTHER_FORMATS_CURE
    assert library.refusals(run.id)[format_key]["error"]["sentence"] == row["error"]["sentence"]


def test_p28_live_model_size_is_checked_before_conversion(tmp_path):
    model = build_dense_model()
    assert weight_bytes(model) == 4 * (4 * 8 + 8 + 8 * 3 + 3)
    small = dataclasses.replace(get_format("onnx"), max_weight_bytes=100)
    with pytest.raises(CannotSave) as caught:
        small.save_model(model, "keras", tmp_path)
    assert caught.value.sentence == "The weights take 268 bytes, and a file of this format holds at most 100."
    assert (caught.value.cure, list(tmp_path.iterdir())) == (OTHER_FORMATS_CURE, [])


def test_p28_formats_in_many_files_have_no_limit():
    assert get_format("saved_model").refusal_reason("keras", 10**12) == ""
    assert get_format("weights_sharded").refusal_reason("keras", 10**12) == ""


def test_p29_pickled_local_class_names_its_required_location(add):
    model = build_subclassed_model()
    model(ROWS)
    error = add(model, ["pickle"])["pickle"].error
    assert error.sentence == (
        "Python pickles a class by the place where it is imported from, and "
        "'build_subclassed_model.<locals>.Reader' is made inside a function."
    )
    assert error.cure.startswith("Define the class at the top of a module")


def test_p29_loaded_saved_model_object_is_refused(jobs, add):
    import tensorflow as tf

    stored = add(build_dense_model(), ["saved_model"])["saved_model"].artifact.id
    with pytest.raises(InputError) as caught:
        add(tf.saved_model.load(jobs.library.verified_folder(stored)), ["pickle"])
    assert caught.value.sentence == "Only Keras models and tf.Module objects can be saved."
    assert caught.value.received == "_UserObject"


def test_p29_a_module_is_not_pickled(add):
    error = add(build_module(lambda self, x: x * 2.0), ["pickle"])["pickle"].error
    assert error.sentence.startswith("Takes Keras models only; this is a plain tf.Module")

"""Which copies a browser can run, and the sentence for the others."""

import pytest

from core.browser_runtimes import Engine, describe_copy
from core.library import Artifact, Run
from core.library.records import FileEntry

FLOATS = [{"name": "pixels", "dtype": "float32", "shape": [None, 64]}]


def make_run(dtype: str = "float32", **facts) -> Run:
    inputs = [spec | {"dtype": dtype} for spec in FLOATS]
    known = {"id": "r0123456789", "name": "digits", "demo": None, "settings": None, "kind": "keras", "parameters": 1}
    return Run(**known | {"summary": "", "inputs": inputs, "weights": [], "optimizer": []} | facts)


def make_artifact(format_key: str, *paths: str, **facts) -> Artifact:
    files = [FileEntry(path=path, bytes=10, sha256="0" * 64) for path in paths]
    return Artifact(id="a0123456789", run="r0123456789", format=format_key, seconds=0.1, files=files, **facts)


@pytest.mark.parametrize(
    ("format_key", "path", "engine"),
    [
        ("onnx", "model.onnx", Engine.ONNX),
        ("onnx_int8", "model.onnx", Engine.ONNX),
        ("litert_fixed", "model.tflite", Engine.LITERT),
    ],
)
def test_files_for_browsers_are_run_by_their_engine(format_key: str, path: str, engine: Engine):
    assert describe_copy(make_artifact(format_key, path), make_run()) == (engine, "")


@pytest.mark.parametrize(("format_key", "path"), [("keras", "model.keras"), ("openvino", "model.xml")])
def test_other_files_are_none_for_browsers(format_key: str, path: str):
    assert describe_copy(make_artifact(format_key, path), make_run()) is None


@pytest.mark.parametrize(
    ("artifact", "run", "words"),
    [
        (make_artifact("onnx", "model.onnx", "model.data"), make_run(), "is given one file"),
        (make_artifact("onnx", "model.onnx"), make_run("object"), "takes text"),
        (make_artifact("onnx", "model.onnx"), make_run("float16"), "does not take inputs of float16"),
        (
            make_artifact("litert_fixed", "model.tflite"),
            make_run("int64"),
            "LiteRT.js 2.5.3 does not take inputs of int64",
        ),
        (make_artifact("litert", "model.tflite"), make_run(), "Save the run as LiteRT with fixed shapes, or as ONNX."),
        (make_artifact("litert_fixed", "model.tflite"), make_run(remembers=True), "remembers from call to call"),
        (make_artifact("onnx", "model.onnx", trust="brought in"), make_run(), "came from outside"),
    ],
)
def test_refusal_says_why_in_a_sentence(artifact: Artifact, run: Run, words: str):
    copy = describe_copy(artifact, run)
    assert copy is not None
    assert words in copy.refusal


def test_engine_is_named_with_the_version_of_the_lock():
    assert [engine.label for engine in Engine] == ["onnxruntime-web 1.30.0", "LiteRT.js 2.5.3"]

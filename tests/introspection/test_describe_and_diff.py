"""Looking into artifacts: what is told of a known model in every format, and of files that are not what they seem."""

import gc
import io
import json
import shutil

import numpy as np
import pytest

from core.errors import ChildDied, Damaged, DoesNotLoad, UnknownName, WorkerError
from core.formats import FORMATS
from core.introspection.describe import describe_part, describe_tensor
from core.introspection.diff import diff_files, diff_part, diff_records, diff_tensors
from core.introspection.tensor_download import download_tensor
from core.readers import pickle
from core.size_breakdown.tensor_search import load_run_tensors as values_of
from core.worker.child_errors import INVALID_REPLY
from core.worker.child_handle import Child
from core.worker.protocol import Frame

DEMO = "digits-mlp"
FAST_FORMATS = ("keras", "saved_model", "onnx", "pickle")
# Formats that keep the run's tensors as they are, and those that keep none of them as such.
EXACT_FORMATS = {"saved_model", "keras_export", "keras", "h5", "weights", "checkpoint", "keras_dir", "weights_sharded"}
EXACT_FORMATS |= {"safetensors", "pickle", "onnx", "onnx_external", "keras_float8", "frozen_graph"}
HAS_LAYERS = {"keras", "h5", "architecture", "keras_dir", "keras_int8", "keras_int4", "keras_float8", "pickle"}
HAS_SIGNATURES = {"saved_model", "keras_export", "frozen_graph", "onnx", "openvino", "openvino_fp16"}
HAS_SIGNATURES |= {"litert", "litert_fixed", "litert_float16", "litert_dynamic", "litert_int8", "litert_int4"}
HAS_SIGNATURES |= {"onnx_external", "onnx_float16", "onnx_int8_dynamic", "onnx_int8", "openvino_int8", "stablehlo"}
HAS_STATE = {"saved_model", "keras", "h5", "weights", "checkpoint", "keras_dir", "weights_sharded", "pickle"}
every_format = pytest.mark.parametrize(
    "key",
    [pytest.param(format_.key, marks=() if format_.key in FAST_FORMATS else pytest.mark.long) for format_ in FORMATS],
)


@pytest.fixture
def artifact_of(saved):
    """A function that gives the id of the demo saved in a format."""

    def of(key: str) -> str:
        row = saved(DEMO, key)
        assert row["state"] == "done", row
        return row["artifact"]

    return of


@every_format
def test_describe_tensors_of_every_format_match_numpy_statistics(key, artifact_of, jobs, trained):
    run = jobs.library.run(trained(DEMO))
    stored = {
        entry.name: entry.values for entry in values_of(jobs.library.snapshot(run.id), run) if entry.group == "weights"
    }
    result = {
        tensor.alias: tensor
        for tensor in describe_part(jobs, artifact_of(key), "tensors").tensors
        if tensor.alias in stored
    }
    assert (set(result) == set(stored)) == (key in EXACT_FORMATS)
    for name, item in result.items():
        facts = item.statistics
        wide = stored[name].astype("float64")
        assert (tuple(item.shape), facts.count) == (stored[name].shape, stored[name].size) or key.startswith("openvino")
        assert (facts.min, facts.max, facts.zeros) == (wide.min(), wide.max(), int((wide == 0).sum()))
        assert (facts.mean, facts.std) == (pytest.approx(wide.mean()), pytest.approx(wide.std()))


@every_format
def test_describe_layers_signatures_and_optimizer_state_per_format(key, artifact_of, jobs, trained):
    part = describe_part(jobs, artifact_of(key), "layers")
    assert ("layers" in part.parts) == (key in HAS_LAYERS)
    if key in HAS_LAYERS:
        dense = [item for item in part.content if item["class"] == "Dense"]
        assert [item["output_shape"] for item in dense] == [[None, 128], [None, 10]]
        stored = 64 * 128 + 128
        expected = 0 if key == "architecture" else stored
        assert dense[0]["parameters"] == expected or key in ("keras_int8", "keras_int4", "keras_float8")
    signatures = describe_part(jobs, artifact_of(key), "signatures")
    assert ("signatures" in signatures.parts) == (key in HAS_SIGNATURES)
    if key in HAS_SIGNATURES:
        first = next(signature for signature in signatures.content["signatures"] if signature["inputs"])
        name = "inputs" if key == "saved_model" else "pixels"
        assert [(item["name"], item["dtype"], item["shape"][1:]) for item in first["inputs"]] == [
            (name, "float32", [64])
        ]
        sizes = [output["shape"] and output["shape"][1:] for output in first["outputs"]]
        assert sizes == [None if key == "frozen_graph" else [10]]  # no node of a graph says the shape of what it gives
    state = [
        tensor
        for tensor in describe_part(jobs, artifact_of(key), "tensors").tensors
        if tensor.group == "optimizer state"
    ]
    assert bool(state) == (key in HAS_STATE)


def test_describe_layers_needs_no_model_built(artifact_of, jobs):
    result = describe_part(jobs, artifact_of("keras"), "layers").content
    assert all(item["output_shape"] for item in result)
    assert [item["after"] for item in result][1:] == [[item["name"]] for item in result][:-1]
    config = describe_part(jobs, artifact_of("keras"), "config").content
    assert config["metadata.json"]["keras_version"] == jobs.library.artifact(artifact_of("keras")).versions["keras"]
    assert config["compile settings"]["optimizer"]["class_name"] == "Adam"


def test_describe_saved_model_matches_saved_model_cli(artifact_of, jobs):
    result = describe_part(jobs, artifact_of("saved_model"), "signatures").content
    names = [signature["name"] for signature in result["signatures"]]
    assert {"serving_default", "__saved_model_init_op"} <= set(names)
    default = result["signatures"][names.index("serving_default")]
    assert (default["method"], default["tags"]) == ("tensorflow/serving/predict", "serve")
    assert default["inputs"][0]["tensor"].endswith(":0")
    assert result["facts"]["tag sets"] == [["serve"]]
    assert any("float32 [?, 64]" in function["takes"] for function in result["functions"])
    operators = describe_part(jobs, artifact_of("saved_model"), "operators").content["counts"]
    assert operators["MatMul"] >= 2
    assert operators["SaveV2"] == 1


def test_describe_tensor_of_quantized_shows_scale_and_real_values(artifact_of, jobs):
    tensors = describe_part(jobs, artifact_of("litert_dynamic"), "tensors").tensors
    small = next(item for item in tensors if item.dtype == "int8")
    assert "zero point 0" in small.note
    stored, _ = describe_tensor(jobs, artifact_of("litert_dynamic"), small.key, scaled=False)
    meant, picture = describe_tensor(jobs, artifact_of("litert_dynamic"), small.key, scaled=True)
    assert max(-stored.statistics.min, stored.statistics.max) == 127
    assert meant.statistics.max < 2
    assert meant.look == "heat"
    assert picture.shape == tuple(small.shape)
    assert sum(meant.histogram["counts"]) == small.statistics.count


def test_download_tensor_streams_npy_file(artifact_of, jobs, trained):
    run = jobs.library.run(trained(DEMO))
    stored = {item.name: item.values for item in values_of(jobs.library.snapshot(run.id), run)}
    row = next(
        tensor
        for tensor in describe_part(jobs, artifact_of("keras"), "tensors").tensors
        if tensor.alias.endswith("kernel")
    )
    download = download_tensor(jobs, artifact_of("keras"), row.key)
    content = b"".join(download.iter_chunks())
    assert len(content) == download.length
    assert np.array_equal(np.load(io.BytesIO(content), allow_pickle=False), stored[row.alias])


def test_download_tensor_unread_ends_its_child(artifact_of, jobs):
    row = next(
        tensor
        for tensor in describe_part(jobs, artifact_of("keras"), "tensors").tensors
        if tensor.alias.endswith("kernel")
    )
    download = download_tensor(jobs, artifact_of("keras"), row.key)
    child = download._child
    pieces = download.iter_chunks()
    del download, pieces
    gc.collect()
    with pytest.raises(ChildDied):
        child.request("tensor_piece", start=0, count=1, seconds=5)


INVALID_REPLIES = (
    {},
    {"dtype": "|O", "shape": [1], "bytes": 8},
    {"dtype": "O,f4", "shape": [1], "bytes": 12},
    {"dtype": "<f4", "shape": [-1], "bytes": -4},
    {"dtype": "<f4", "shape": [2], "bytes": 4},
    {"dtype": "no dtype", "shape": [], "bytes": 4},
)


@pytest.mark.parametrize("lie", INVALID_REPLIES, ids=str)
def test_download_tensor_inconsistent_reply_raises_and_ends_child(lie, artifact_of, jobs, monkeypatch):
    id_, requested, real = artifact_of("keras"), [], Child.request

    def ask(child: Child, task: str, **request) -> Frame:
        if task != "hold_tensor":
            return real(child, task, **request)
        requested.append(child)
        return Frame(lie, {})

    with monkeypatch.context() as patched:
        patched.setattr(Child, "request", ask)
        with pytest.raises(WorkerError) as caught:
            download_tensor(jobs, id_, "any")
    assert (type(caught.value), caught.value.sentence) == (WorkerError, INVALID_REPLY)
    with pytest.raises(ChildDied):
        requested[0].request("tensor_piece", start=0, count=1, seconds=5)


def test_describe_tensor_unknown_key_is_refused(artifact_of, jobs):
    with pytest.raises(UnknownName, match="There is no such tensor"):
        describe_tensor(jobs, artifact_of("keras"), "../secret")


def test_pickle_reader_does_not_execute_the_file(tmp_path):
    """It would write a file if it were."""
    reply = tmp_path / "told"
    content = f"cos\nsystem\n(S'touch {reply}'\ntR.".encode()
    (tmp_path / "model.pkl").write_bytes(content)
    result = pickle.read_pickle(tmp_path / "model.pkl").operators()
    assert result["facts"]["would import and may call"] == ["os.system"]
    assert not reply.exists()


@pytest.mark.trust
@pytest.mark.parametrize(
    "key",
    [
        *("keras", "saved_model", "onnx"),
        *(pytest.param(item, marks=pytest.mark.long) for item in ("h5", "litert_dynamic", "checkpoint", "safetensors")),
    ],
)
def test_describe_truncated_file_raises_does_not_load(key, artifact_of, jobs, tmp_path):
    """The reader itself, on a file cut in half: the library would have refused it before, by its hash."""
    folder = tmp_path / "files"
    for file in jobs.library.artifact(artifact_of(key)).files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        content = (jobs.library.verified_folder(artifact_of(key)) / file.path).read_bytes()
        (folder / file.path).write_bytes(content[: len(content) // 2])
    with pytest.raises(DoesNotLoad) as caught:
        jobs.worker.run("describe", sandboxed=True, seconds=60, folder=folder, part="tensors")
    assert str(tmp_path) not in json.dumps(caught.value.to_json())
    assert caught.value.sentence.endswith(".")


@pytest.mark.trust
def test_describe_file_changed_after_first_use_raises_damaged(empty_jobs, jobs, artifact_of):
    copied = empty_jobs.library.home
    for kind, id_ in (("artifacts", artifact_of("keras")), ("runs", jobs.library.artifact(artifact_of("keras")).run)):
        shutil.copytree(jobs.library.home / kind / id_, copied / kind / id_)
    assert describe_part(empty_jobs, artifact_of("keras"), "layers").content
    path = copied / "artifacts" / artifact_of("keras") / "files" / "model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match="has changed since it was saved"):
        describe_part(empty_jobs, artifact_of("keras"), "layers")


# Two beside each other


def test_diff_tensors_locates_one_changed_weight(artifact_of, jobs, tmp_path):
    from safetensors.numpy import load_file, save_file

    source = jobs.library.verified_folder(artifact_of("safetensors")) / "model.safetensors"
    arrays = load_file(source)
    name = next(array for array in sorted(arrays) if array.endswith("kernel"))
    arrays[name] = arrays[name].copy()
    arrays[name][3, 5] += 0.5
    (tmp_path / "b").mkdir()
    save_file(arrays, tmp_path / "b" / "model.safetensors")
    request = {"ours": source.parent, "theirs": tmp_path / "b", "ours_names": {}, "theirs_names": {}}
    message = jobs.worker.run("differ", sandboxed=True, seconds=60, **request).message
    away = {pair["ours"]["name"]: pair["distance"] for pair in message["pairs"] if not pair["distance"]["equal"]}
    assert list(away) == [name]
    assert away[name]["max_abs"] == pytest.approx(0.5, abs=1e-6)
    assert (away[name]["changed"], away[name]["at"]) == (1, [3, 5])
    assert message["only_ours"] == message["only_theirs"] == []


@pytest.mark.parametrize("key", ["h5", "checkpoint", "saved_model"])
def test_diff_tensors_of_lossless_formats_are_equal(key, artifact_of, jobs):
    result = diff_tensors(jobs, artifact_of("keras"), artifact_of(key))
    pairs = [pair for pair in result.pairs if pair.ours.group == "weights"]
    assert len(pairs) == 4
    assert all(pair.is_identical and pair.by == "name" for pair in pairs)


def test_diff_tensors_compares_dequantized_values(artifact_of, jobs):
    result = diff_tensors(jobs, artifact_of("keras"), artifact_of("litert_dynamic"))
    kernels = [pair for pair in result.pairs if pair.theirs.dtype == "int8"]
    assert kernels
    for kernel in kernels:
        assert kernel.turned == "transposed 1, 0"
        assert 0 < kernel.distance.relative < 0.02


def test_diff_records_files_and_parts_lists_differences(artifact_of, jobs):
    both = artifact_of("keras"), artifact_of("h5")
    assert {record.path: (record.left, record.right) for record in diff_records(jobs, *both)}["format"] == (
        "keras",
        "h5",
    )
    assert [file.path for file in diff_files(jobs, *both)] == ["model.keras", "model.h5"]
    layers = diff_part(jobs, *both, "layers")
    assert [layer for layer in layers if layer.path.endswith((".class", ".output_shape", ".parameters"))] == []
    assert diff_part(jobs, both[0], both[0], "config") == []


# By command


def test_inspect_prints_every_part_and_json(run_cli, artifact_of):
    status, out, _ = run_cli("inspect", artifact_of("keras"))
    assert status == 0
    assert "LAYERS" in out
    assert "float32" in out
    assert "SIGNATURES (no such part in these files)" in out
    status, out, _ = run_cli("inspect", artifact_of("keras"), "--part", "tensors", "--json")
    rows = json.loads(out)["tensors"]["rows"]
    assert status == 0
    assert sum(row["statistics"]["count"] for row in rows if row["group"] == "weights") == 9610


def test_cli_diff_sets_exit_status_only_with_exit_code(run_cli, artifact_of):
    both = artifact_of("keras"), artifact_of("h5")
    assert run_cli("diff", *both)[0] == 0
    status, out, _ = run_cli("diff", *both, "--exit-code", "--json")
    assert (status, json.loads(out)["differ"]) == (1, True)
    status, out, _ = run_cli("diff", both[0], both[0], "--exit-code", "--json")
    document = json.loads(out)
    assert (status, document["differ"]) == (0, False)
    assert all(pair["same"] for pair in document["tensors"]["pairs"])

"""Looking into artifacts: what is told of a known model in every format, and of files that are not what they seem."""

import gc
import io
import json
import shutil

import numpy as np
import pytest

from core.caching import ResultCache
from core.errors import ChildDied, Damaged, DoesNotLoad, UnknownName, WorkerError
from core.formats import FORMATS
from core.introspection.describe import PartDescription, describe_part, describe_tensor, download_tensor
from core.introspection.diff import diff_files, diff_part, diff_records, diff_tensors
from core.readers import pickle
from core.size_breakdown.tensor_search import load_run_tensors as values_of
from core.worker.child_handle import INVALID_REPLY, Child
from core.worker.protocol import Frame

DEMO = "digits-mlp"
QUICK = ("keras", "saved_model", "onnx", "pickle")
# Formats that keep the run's tensors as they are, and those that keep none of them as such.
EXACT = {"saved_model", "keras_export", "keras", "h5", "weights", "checkpoint", "keras_dir", "weights_sharded"}
EXACT |= {"safetensors", "pickle", "onnx", "frozen_graph"}
HAS_LAYERS = {"keras", "h5", "architecture", "keras_dir", "keras_int8", "keras_int4", "pickle"}
HAS_SIGNATURES = {"saved_model", "keras_export", "frozen_graph", "onnx", "openvino", "openvino_fp16"}
HAS_SIGNATURES |= {"litert", "litert_float16", "litert_dynamic", "litert_int8"}
HAS_STATE = {"saved_model", "keras", "h5", "weights", "checkpoint", "keras_dir", "weights_sharded", "pickle"}
every_format = pytest.mark.parametrize(
    "key", [pytest.param(one.key, marks=() if one.key in QUICK else pytest.mark.long) for one in FORMATS]
)


@pytest.fixture
def artifact(saved):
    """A function that gives the id of the demo saved in a format."""

    def of(key: str) -> str:
        row = saved(DEMO, key)
        assert row["state"] == "done", row
        return row["artifact"]

    return of


@every_format
def test_every_format_tells_the_tensors_of_the_run_with_the_numbers_that_numpy_gives(key, artifact, jobs, trained):
    run = jobs.library.run(trained(DEMO))
    kept = {one.name: one.values for one in values_of(jobs.library.snapshot(run.id), run) if one.group == "weights"}
    found = {one.alias: one for one in describe_part(jobs, artifact(key), "tensors").tensors if one.alias in kept}
    assert (set(found) == set(kept)) == (key in EXACT)
    for name, one in found.items():
        facts = one.statistics
        wide = kept[name].astype("float64")
        assert (tuple(one.shape), facts.count) == (kept[name].shape, kept[name].size) or key.startswith("openvino")
        assert (facts.min, facts.max, facts.zeros) == (wide.min(), wide.max(), int((wide == 0).sum()))
        assert (facts.mean, facts.std) == (pytest.approx(wide.mean()), pytest.approx(wide.std()))


@every_format
def test_every_format_tells_layers_signatures_and_optimizer_state_where_it_has_them(key, artifact, jobs, trained):
    found = describe_part(jobs, artifact(key), "layers")
    assert ("layers" in found.parts) == (key in HAS_LAYERS)
    if key in HAS_LAYERS:
        dense = [one for one in found.found if one["class"] == "Dense"]
        assert [one["output_shape"] for one in dense] == [[None, 128], [None, 10]]
        stored = 64 * 128 + 128
        expected = 0 if key == "architecture" else stored
        assert dense[0]["parameters"] == expected or key.startswith("keras_int")
    signatures = describe_part(jobs, artifact(key), "signatures")
    assert ("signatures" in signatures.parts) == (key in HAS_SIGNATURES)
    if key in HAS_SIGNATURES:
        first = next(one for one in signatures.found["signatures"] if one["inputs"])
        name = "inputs" if key == "saved_model" else "pixels"
        assert [(one["name"], one["dtype"], one["shape"][1:]) for one in first["inputs"]] == [(name, "float32", [64])]
        sizes = [one["shape"] and one["shape"][1:] for one in first["outputs"]]
        assert sizes == [None if key == "frozen_graph" else [10]]  # no node of a graph says the shape of what it gives
    state = [one for one in describe_part(jobs, artifact(key), "tensors").tensors if one.group == "optimizer state"]
    assert bool(state) == (key in HAS_STATE)


def test_layers_tell_shapes_connections_and_versions_without_the_model_being_built(artifact, jobs):
    found = describe_part(jobs, artifact("keras"), "layers").found
    assert all(one["output_shape"] for one in found)
    assert [one["after"] for one in found][1:] == [[one["name"]] for one in found][:-1]
    config = describe_part(jobs, artifact("keras"), "config").found
    assert config["metadata.json"]["keras_version"] == jobs.library.artifact(artifact("keras")).versions["keras"]
    assert config["compile settings"]["optimizer"]["class_name"] == "Adam"


def test_a_saved_model_tells_what_its_own_tool_tells(artifact, jobs):
    found = describe_part(jobs, artifact("saved_model"), "signatures").found
    names = [one["name"] for one in found["signatures"]]
    assert {"serving_default", "__saved_model_init_op"} <= set(names)
    default = found["signatures"][names.index("serving_default")]
    assert (default["method"], default["tags"]) == ("tensorflow/serving/predict", "serve")
    assert default["inputs"][0]["tensor"].endswith(":0")
    assert found["facts"]["tag sets"] == [["serve"]]
    assert any("float32 [?, 64]" in one["takes"] for one in found["functions"])
    operators = describe_part(jobs, artifact("saved_model"), "operators").found["counts"]
    assert operators["MatMul"] >= 2
    assert operators["SaveV2"] == 1


def test_quantised_tensors_tell_scale_and_zero_point_and_the_numbers_that_they_stand_for(artifact, jobs):
    found = describe_part(jobs, artifact("litert_dynamic"), "tensors").tensors
    small = next(one for one in found if one.dtype == "int8")
    assert "zero point 0" in small.note
    stored, _ = describe_tensor(jobs, artifact("litert_dynamic"), small.key, scaled=False)
    meant, picture = describe_tensor(jobs, artifact("litert_dynamic"), small.key, scaled=True)
    assert max(-stored.statistics.min, stored.statistics.max) == 127
    assert meant.statistics.max < 2
    assert meant.look == "heat"
    assert picture.shape == tuple(small.shape)
    assert sum(meant.histogram["counts"]) == small.statistics.count


def test_one_tensor_comes_as_an_npy_file_in_pieces(artifact, jobs, trained):
    run = jobs.library.run(trained(DEMO))
    kept = {one.name: one.values for one in values_of(jobs.library.snapshot(run.id), run)}
    row = next(one for one in describe_part(jobs, artifact("keras"), "tensors").tensors if one.alias.endswith("kernel"))
    download = download_tensor(jobs, artifact("keras"), row.key)
    content = b"".join(download.iter_chunks())
    assert len(content) == download.length
    assert np.array_equal(np.load(io.BytesIO(content), allow_pickle=False), kept[row.alias])


def test_the_child_of_a_download_that_nobody_reads_is_ended(artifact, jobs):
    row = next(one for one in describe_part(jobs, artifact("keras"), "tensors").tensors if one.alias.endswith("kernel"))
    download = download_tensor(jobs, artifact("keras"), row.key)
    child = download._child
    pieces = download.iter_chunks()
    del download, pieces
    gc.collect()
    with pytest.raises(ChildDied):
        child.request("tensor_piece", start=0, count=1, seconds=5)


LIES = (
    {},
    {"dtype": "|O", "shape": [1], "bytes": 8},
    {"dtype": "O,f4", "shape": [1], "bytes": 12},
    {"dtype": "<f4", "shape": [-1], "bytes": -4},
    {"dtype": "<f4", "shape": [2], "bytes": 4},
    {"dtype": "no dtype", "shape": [], "bytes": 4},
)


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_what_a_child_says_of_its_tensor_is_believed_only_where_it_adds_up_and_the_child_is_ended(
    lie, artifact, jobs, monkeypatch
):
    id_, asked, real = artifact("keras"), [], Child.request

    def ask(child: Child, task: str, **request) -> Frame:
        if task != "hold_tensor":
            return real(child, task, **request)
        asked.append(child)
        return Frame(lie, {})

    with monkeypatch.context() as patched:
        patched.setattr(Child, "request", ask)
        with pytest.raises(WorkerError) as caught:
            download_tensor(jobs, id_, "any")
    assert (type(caught.value), caught.value.sentence) == (WorkerError, INVALID_REPLY)
    with pytest.raises(ChildDied):
        asked[0].request("tensor_piece", start=0, count=1, seconds=5)


def test_answers_are_kept_by_number_and_by_size():
    memory, made = ResultCache(), []

    def ask(name: str, length: int = 1) -> PartDescription:
        return memory.get_or_compute(
            (name,), lambda: made.append(name) or PartDescription(kind="", parts=[], remarks=["x" * length])
        )

    ask("small"), ask("small"), ask("large", 10 * 2**20), ask("small")
    assert made == ["small", "large"]
    ask("as large", 10 * 2**20), ask("as large"), ask("small"), ask("large", 10 * 2**20)
    assert made == ["small", "large", "as large", "large"]
    ask("larger than all", 20 * 2**20), ask("larger than all"), ask("small")
    assert made[4:] == ["larger than all", "small"]
    for number in range(70):
        ask(str(number))
    ask("69"), ask("0")
    assert made[-2:] == ["69", "0"]


def test_a_tensor_that_is_not_there_is_refused(artifact, jobs):
    with pytest.raises(UnknownName, match="There is no such tensor"):
        describe_tensor(jobs, artifact("keras"), "../secret")


def test_a_pickle_is_read_and_not_carried_out(tmp_path):
    """It would write a file if it were."""
    told = tmp_path / "told"
    content = f"cos\nsystem\n(S'touch {told}'\ntR.".encode()
    (tmp_path / "model.pkl").write_bytes(content)
    found = pickle.read_pickle(tmp_path / "model.pkl").operators()
    assert found["facts"]["would import and may call"] == ["os.system"]
    assert not told.exists()


@pytest.mark.trust
@pytest.mark.parametrize(
    "key",
    [
        *("keras", "saved_model", "onnx"),
        *(pytest.param(one, marks=pytest.mark.long) for one in ("h5", "litert_dynamic", "checkpoint", "safetensors")),
    ],
)
def test_damaged_bytes_that_nobody_noticed_are_one_sentence(key, artifact, jobs, tmp_path):
    """The reader itself, on a file cut in half: the library would have refused it before, by its hash."""
    folder = tmp_path / "files"
    for one in jobs.library.artifact(artifact(key)).files:
        (folder / one.path).parent.mkdir(parents=True, exist_ok=True)
        content = (jobs.library.verified_folder(artifact(key)) / one.path).read_bytes()
        (folder / one.path).write_bytes(content[: len(content) // 2])
    with pytest.raises(DoesNotLoad) as caught:
        jobs.worker.run("describe", confined=True, seconds=60, folder=folder, part="tensors")
    assert str(tmp_path) not in json.dumps(caught.value.to_json())
    assert caught.value.sentence.endswith(".")


@pytest.mark.trust
def test_an_artifact_whose_file_was_touched_is_damaged_also_after_it_was_seen(empty_jobs, jobs, artifact):
    copied = empty_jobs.library.home
    for kind, id_ in (("artifacts", artifact("keras")), ("runs", jobs.library.artifact(artifact("keras")).run)):
        shutil.copytree(jobs.library.home / kind / id_, copied / kind / id_)
    assert describe_part(empty_jobs, artifact("keras"), "layers").found
    path = copied / "artifacts" / artifact("keras") / "files" / "model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match="has changed since it was saved"):
        describe_part(empty_jobs, artifact("keras"), "layers")


# Two beside each other


def test_a_weight_that_moved_by_a_half_is_found_in_that_tensor_at_that_distance(artifact, jobs, tmp_path):
    from safetensors.numpy import load_file, save_file

    source = jobs.library.verified_folder(artifact("safetensors")) / "model.safetensors"
    arrays = load_file(source)
    name = next(one for one in sorted(arrays) if one.endswith("kernel"))
    arrays[name] = arrays[name].copy()
    arrays[name][3, 5] += 0.5
    (tmp_path / "b").mkdir()
    save_file(arrays, tmp_path / "b" / "model.safetensors")
    asked = {"ours": source.parent, "theirs": tmp_path / "b", "ours_names": {}, "theirs_names": {}}
    found = jobs.worker.run("differ", confined=True, seconds=60, **asked).message
    away = {one["ours"]["name"]: one["distance"] for one in found["pairs"] if not one["distance"]["equal"]}
    assert list(away) == [name]
    assert away[name]["max_abs"] == pytest.approx(0.5, abs=1e-6)
    assert (away[name]["changed"], away[name]["at"]) == (1, [3, 5])
    assert found["only_ours"] == found["only_theirs"] == []


@pytest.mark.parametrize("key", ["h5", "checkpoint", "saved_model"])
def test_copies_that_keep_every_bit_differ_in_no_weight_whatever_they_call_them(key, artifact, jobs):
    found = diff_tensors(jobs, artifact("keras"), artifact(key))
    pairs = [one for one in found.pairs if one.ours.group == "weights"]
    assert len(pairs) == 4
    assert all(one.is_identical and one.by == "name" for one in pairs)


def test_a_quantised_copy_is_held_against_the_numbers_that_its_integers_stand_for(artifact, jobs):
    found = diff_tensors(jobs, artifact("keras"), artifact("litert_dynamic"))
    kernels = [one for one in found.pairs if one.theirs.dtype == "int8"]
    assert kernels
    for one in kernels:
        assert one.turned == "transposed 1, 0"
        assert 0 < one.distance.relative < 0.02


def test_records_files_and_texts_are_held_against_each_other(artifact, jobs):
    both = artifact("keras"), artifact("h5")
    assert {one.path: (one.ours, one.theirs) for one in diff_records(jobs, *both)}["format"] == ("keras", "h5")
    assert [one.path for one in diff_files(jobs, *both)] == ["model.keras", "model.h5"]
    layers = diff_part(jobs, *both, "layers")
    assert [one for one in layers if one.path.endswith((".class", ".output_shape", ".parameters"))] == []
    assert diff_part(jobs, both[0], both[0], "config") == []


# By command


def test_inspect_prints_every_part_and_json(say, artifact):
    status, out, _ = say("inspect", artifact("keras"))
    assert status == 0
    assert "LAYERS" in out
    assert "float32" in out
    assert "SIGNATURES (no such part in these files)" in out
    status, out, _ = say("inspect", artifact("keras"), "--part", "tensors", "--json")
    rows = json.loads(out)["tensors"]["rows"]
    assert status == 0
    assert sum(one["statistics"]["count"] for one in rows if one["group"] == "weights") == 9610


def test_diff_guards_a_pipeline_only_when_asked(say, artifact):
    both = artifact("keras"), artifact("h5")
    assert say("diff", *both)[0] == 0
    status, out, _ = say("diff", *both, "--exit-code", "--json")
    assert (status, json.loads(out)["differ"]) == (1, True)
    status, out, _ = say("diff", both[0], both[0], "--exit-code", "--json")
    found = json.loads(out)
    assert (status, found["differ"]) == (0, False)
    assert all(one["same"] for one in found["tensors"]["pairs"])

"""What was brought in goes through the rest of the house: all that Roundtrip does with a copy of its own works, in
confined children alone, or says in words why not."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.caching import result_cache
from core.errors import InputError
from core.exports.archive import archive_artifacts
from core.exports.tf_serving import build_serving_zip
from core.introspection.describe import describe_part
from core.introspection.diff import diff_artifacts
from core.jobs import Jobs
from core.library import Library
from core.library.records import Artifact
from core.settings import Settings
from core.worker import Worker
from tests.bringing import makers
from tests.conftest import finished
from tests.kit.unpacking import run_kit, unpack

pytestmark = pytest.mark.trust
MAKERS = {"keras": makers.keras_file, "onnx": makers.onnx_file}
INTO = {"keras": ["saved_model", "h5"], "onnx": ["openvino", "openvino_fp16"]}


class Brought:
    """One copy that came from outside, and where it lies."""

    def __init__(self, jobs: Jobs, upload: Path):
        self.jobs, self.upload = jobs, upload
        found = finished(jobs, jobs.import_model(upload)).result
        self.run, self.id = found["run"], found["artifact"]

    @property
    def artifact(self) -> Artifact:
        return self.jobs.library.artifact(self.id)


@pytest.fixture(scope="module")
def library_of_strangers(worker: Worker, config: Settings, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """Jobs over a library into which only strangers' files come."""
    home = tmp_path_factory.mktemp("strangers") / "store"
    return Jobs(Library(home), worker, config.model_copy(update={"home": home}))


@pytest.fixture(scope="module", params=["onnx", pytest.param("keras", marks=pytest.mark.long)])
def brought(
    request: pytest.FixtureRequest, library_of_strangers: Jobs, tmp_path_factory: pytest.TempPathFactory
) -> Brought:
    """A copy of each of the formats."""
    return Brought(library_of_strangers, MAKERS[request.param](tmp_path_factory.mktemp("upload")))


def test_it_is_inspected_in_confined_children(brought: Brought, opened: list[bool]):
    result_cache._results.clear()
    rows = describe_part(brought.jobs, brought.id, "tensors").tensors
    assert sorted(row.shape for row in rows) == [[2], [3, 2]]
    assert describe_part(brought.jobs, brought.id, "operators" if brought.artifact.format == "onnx" else "layers").found
    assert set(opened) == {True}


def test_its_differences_from_its_own_conversions_are_told(brought: Brought, opened: list[bool]):
    rows = finished(brought.jobs, brought.jobs.save(brought.run, INTO[brought.artifact.format])).result["rows"]
    assert [row.get("error") for row in rows.values()] == [None, None]
    for row in rows.values():
        made = brought.jobs.library.artifact(row["artifact"])
        assert (made.trust, made.made_from) == ("brought in", brought.id)
    first = next(iter(rows.values()))["artifact"]
    tensors = diff_artifacts(brought.jobs, brought.id, first).tensors
    assert [pair.distance.equal for pair in tensors.pairs] == [True] * len(tensors.pairs)
    assert len(tensors.pairs) == 2
    assert set(opened) == {True}


def test_its_kit_proves_itself_without_roundtrip(brought: Brought, tmp_path: Path):
    folder = unpack(brought.jobs.library, brought.id, tmp_path)
    said = (folder / "README.md").read_text()
    assert "brought in" in said
    ran = run_kit(folder)
    assert ran.status == 0, ran.said
    assert ran.said.endswith("PASS\n")


def test_a_download_is_the_bytes_that_came_in(brought: Brought):
    with archive_artifacts(brought.jobs.library, [brought.id]) as parcel:
        assert b"".join(parcel.read()) == brought.upload.read_bytes()


def test_the_layout_of_a_server_is_refused_in_words(brought: Brought):
    with pytest.raises(InputError, match="reads SavedModels, and this copy is none"):
        build_serving_zip(brought.jobs.library, brought.id, "model")


def test_it_is_compared_panelled_and_measured_in_confined_children(brought: Brought, opened: list[bool]):
    jobs = brought.jobs
    outcomes = finished(jobs, jobs.compare([brought.id], rows=8)).result["outcomes"]
    assert outcomes[brought.id]["verdict"] == "bit-identical"
    panel = jobs.create_live_session([brought.run, brought.id])
    rows = jobs.library.reference(brought.run).head(2)
    said = panel.predict(rows.inputs)
    panel.close()
    assert [one.error for one in said.values()] == [None, None]
    (answer,) = said[brought.id].outputs.values()
    assert np.allclose(answer, next(iter(rows.predictions.values())), atol=1e-6)
    assert set(opened) == {True}
    del opened[:]
    assert finished(jobs, jobs.benchmark([brought.id], repeats=1)).result["costs"][brought.id]["error"] is None
    assert (opened[0], set(opened[1:])) == (False, {True})  # the first one counts threads, and loads nothing


def test_a_search_for_disagreement_asks_confined_children(brought: Brought, opened: list[bool]):
    jobs = brought.jobs
    found = finished(jobs, jobs.find_disagreement(brought.run, brought.id, seconds=60, evaluations=200)).result
    assert found["found"] is None or not found["found"]["changed"]
    assert set(opened) == {True}


def test_layer_by_layer_takes_it_or_says_what_it_needs(brought: Brought, opened: list[bool]):
    jobs = brought.jobs
    if brought.artifact.format == "onnx":
        with pytest.raises(InputError):
            jobs.compare_layers(brought.run, brought.id)
        return
    assert finished(jobs, jobs.compare_layers(brought.run, brought.id)).result
    assert set(opened) == {True}


def test_training_it_on_is_refused_in_words(brought: Brought):
    with pytest.raises(InputError) as refusal:
        brought.jobs.resume(brought.run, [brought.id])
    assert refusal.value.sentence == "This model was brought in, so there is no data here to train it on."


@pytest.mark.long
def test_a_saved_model_that_was_brought_in_is_laid_out_for_a_server(library_of_strangers: Jobs, tmp_path: Path):
    brought = Brought(library_of_strangers, makers.zipped(makers.saved_model(tmp_path)))
    with build_serving_zip(brought.jobs.library, brought.id, "linear", 3) as parcel:
        names = zipfile.ZipFile(io.BytesIO(b"".join(parcel.read()))).namelist()
    assert "linear/3/saved_model.pb" in names

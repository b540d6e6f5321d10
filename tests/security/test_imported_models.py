"""What was imported goes through the rest of the house: all that Roundtrip does with a copy of its own works, in
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
from tests.exports.kit_execution import run_kit, unpack_kit
from tests.factories import external_models
from tests.helpers import wait_until_done

pytestmark = pytest.mark.trust
MODEL_WRITERS = {"keras": external_models.write_keras_file, "onnx": external_models.write_onnx_file}
CONVERSION_TARGETS = {"keras": ["saved_model", "h5"], "onnx": ["openvino", "openvino_fp16"]}


class ImportedModel:
    """One copy that came from outside, and where it lies."""

    def __init__(self, jobs: Jobs, upload: Path):
        self.jobs, self.upload = jobs, upload
        result = wait_until_done(jobs, jobs.import_model(upload)).result
        self.run, self.id = result["run"], result["artifact"]

    @property
    def artifact(self) -> Artifact:
        return self.jobs.library.artifact(self.id)


@pytest.fixture(scope="module")
def imported_models_jobs(worker: Worker, config: Settings, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """Jobs over a library of imported models alone."""
    home = tmp_path_factory.mktemp("imported") / "store"
    return Jobs(Library(home), worker, config.model_copy(update={"home": home}))


@pytest.fixture(scope="module", params=["onnx", pytest.param("keras", marks=pytest.mark.long)])
def imported_model(
    request: pytest.FixtureRequest, imported_models_jobs: Jobs, tmp_path_factory: pytest.TempPathFactory
) -> ImportedModel:
    """A copy of each of the formats."""
    return ImportedModel(imported_models_jobs, MODEL_WRITERS[request.param](tmp_path_factory.mktemp("upload")))


def test_imported_model_is_described_in_confined_children(imported_model: ImportedModel, opened_confined: list[bool]):
    result_cache.clear()
    rows = describe_part(imported_model.jobs, imported_model.id, "tensors").tensors
    assert sorted(row.shape for row in rows) == [[2], [3, 2]]
    assert describe_part(
        imported_model.jobs, imported_model.id, "operators" if imported_model.artifact.format == "onnx" else "layers"
    ).content
    assert set(opened_confined) == {True}


def test_imported_model_is_diffed_with_its_conversions(imported_model: ImportedModel, opened_confined: list[bool]):
    rows = wait_until_done(
        imported_model.jobs,
        imported_model.jobs.save(imported_model.run, CONVERSION_TARGETS[imported_model.artifact.format]),
    ).result["rows"]
    assert [row.get("error") for row in rows.values()] == [None, None]
    for row in rows.values():
        made = imported_model.jobs.library.artifact(row["artifact"])
        assert (made.trust, made.made_from) == ("brought in", imported_model.id)
    first = next(iter(rows.values()))["artifact"]
    tensors = diff_artifacts(imported_model.jobs, imported_model.id, first).tensors
    assert [pair.distance.equal for pair in tensors.pairs] == [True] * len(tensors.pairs)
    assert len(tensors.pairs) == 2
    assert set(opened_confined) == {True}


def test_imported_model_proof_kit_passes(imported_model: ImportedModel, tmp_path: Path):
    folder = unpack_kit(imported_model.jobs.library, imported_model.id, tmp_path)
    text = (folder / "README.md").read_text()
    assert "imported" in text
    ran = run_kit(folder)
    assert ran.status == 0, ran.output
    assert ran.output.endswith("PASS\n")


def test_imported_model_download_equals_upload(imported_model: ImportedModel):
    with archive_artifacts(imported_model.jobs.library, [imported_model.id]) as parcel:
        assert b"".join(parcel.read()) == imported_model.upload.read_bytes()


def test_imported_model_that_is_no_saved_model_has_no_serving_zip(imported_model: ImportedModel):
    with pytest.raises(InputError, match="reads SavedModels, and this copy is none"):
        build_serving_zip(imported_model.jobs.library, imported_model.id, "model")


def test_imported_model_is_compared_and_benchmarked_confined(
    imported_model: ImportedModel, opened_confined: list[bool]
):
    jobs = imported_model.jobs
    outcomes = wait_until_done(jobs, jobs.compare([imported_model.id], rows=8)).result["outcomes"]
    assert outcomes[imported_model.id]["verdict"] == "bit-identical"
    panel = jobs.create_live_session([imported_model.run, imported_model.id])
    rows = jobs.library.reference(imported_model.run).head(2)
    predictions = panel.predict(rows.inputs)
    panel.close()
    assert [item.error for item in predictions.values()] == [None, None]
    (answer,) = predictions[imported_model.id].outputs.values()
    assert np.allclose(answer, next(iter(rows.predictions.values())), atol=1e-6)
    assert set(opened_confined) == {True}
    del opened_confined[:]
    assert (
        wait_until_done(jobs, jobs.benchmark([imported_model.id], repeats=1)).result["costs"][imported_model.id][
            "error"
        ]
        is None
    )
    assert (opened_confined[0], set(opened_confined[1:])) == (
        False,
        {True},
    )  # the first one counts threads, and loads nothing


def test_disagreement_search_uses_confined_children(imported_model: ImportedModel, opened_confined: list[bool]):
    jobs = imported_model.jobs
    result = wait_until_done(
        jobs, jobs.find_disagreement(imported_model.run, imported_model.id, seconds=60, evaluations=200)
    ).result
    assert result["found"] is None or not result["found"]["changed"]
    assert set(opened_confined) == {True}


def test_layer_comparison_of_imported_model_is_confined_or_refused(
    imported_model: ImportedModel, opened_confined: list[bool]
):
    jobs = imported_model.jobs
    if imported_model.artifact.format == "onnx":
        with pytest.raises(InputError):
            jobs.compare_layers(imported_model.run, imported_model.id)
        return
    assert wait_until_done(jobs, jobs.compare_layers(imported_model.run, imported_model.id)).result
    assert set(opened_confined) == {True}


def test_resume_of_imported_model_raises_input_error(imported_model: ImportedModel):
    with pytest.raises(InputError) as refusal:
        imported_model.jobs.resume(imported_model.run, [imported_model.id])
    assert refusal.value.sentence == "This model was imported, so there is no data here to train it on."


@pytest.mark.long
def test_imported_saved_model_has_serving_zip(imported_models_jobs: Jobs, tmp_path: Path):
    model = ImportedModel(imported_models_jobs, external_models.zip_folder(external_models.write_saved_model(tmp_path)))
    with build_serving_zip(model.jobs.library, model.id, "linear", 3) as parcel:
        names = zipfile.ZipFile(io.BytesIO(b"".join(parcel.read()))).namelist()
    assert "linear/3/saved_model.pb" in names

"""Weights in shards, imported with their layers, and loaded only where no shard is missing."""

from pathlib import Path

import pytest

from core.errors import DoesNotLoad
from core.formats import get_format
from core.jobs import Jobs
from core.runtimes.base import ModelCode
from tests.factories import external_models

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("way", ["folder with its layers", pytest.param("zip and its layers", marks=pytest.mark.long)])
def test_shards_are_imported_with_their_layers(way: str, empty_jobs: Jobs, import_files, tmp_path: Path):
    folder = external_models.write_shards(tmp_path, with_layers=way.startswith("folder"))
    if way.startswith("folder"):
        job = empty_jobs.wait(empty_jobs.import_model(folder).id)
    else:
        job = import_files(external_models.zip_folder(folder), tmp_path / "architecture.json")
    assert job.state == "done", job.error
    assert (job.result["format"], job.result["verdict"]) == ("weights_sharded", "bit-identical")
    stored = sorted(file.path for file in empty_jobs.library.artifact(job.result["artifact"]).files)
    assert stored[:2] == ["architecture.json", "model.weights.json"]


def test_shards_without_layers_are_refused_with_the_cure(empty_jobs: Jobs, tmp_path: Path):
    job = empty_jobs.wait(empty_jobs.import_model(external_models.write_shards(tmp_path)).id)
    assert job.error["sentence"] == "These are weights alone: numbers without the layers that use them."
    assert empty_jobs.library.ids() == []


@pytest.fixture
def twelve_shards(tmp_path: Path) -> tuple[Path, ModelCode]:
    """A folder of twelve layers in twelve shards, and the code of their model."""
    import keras

    def build() -> keras.Model:
        layers = [keras.layers.Dense(40, name=f"d{at}") for at in range(12)]
        return keras.Sequential([keras.Input((40,), name="x"), *layers])

    get_format("weights_sharded").save_model(build(), "keras", tmp_path, {"shard_mb": 0.01})
    return tmp_path, ModelCode(build=build)


@pytest.mark.parametrize("lost", [0, 1])
def test_shards_without_one_of_twelve_do_not_load_and_name_it(lost: int, twelve_shards):
    """Without the second, plain Keras loads in silence; none of its weights is right."""
    folder, code = twelve_shards
    sharded, names = get_format("weights_sharded"), sorted(path.name for path in folder.glob("*.h5"))
    assert len(sharded.load(folder, code).weights()) == 24
    (folder / names[lost]).unlink()
    with pytest.raises(DoesNotLoad) as caught:
        sharded.load(folder, code)
    assert caught.value.sentence == f"1 of the {len(names)} shards that the index names are not there."
    assert caught.value.received == f"without {names[lost]}"


def test_shards_of_another_save_do_not_load(twelve_shards):
    folder, code = twelve_shards
    *_, last = sorted(folder.glob("*.h5"))
    (folder / "model_00001.weights.h5").write_bytes(last.read_bytes())
    with pytest.raises(DoesNotLoad, match=r"Arrays that the index looks for in model_00001\.weights\.h5 are not there"):
        get_format("weights_sharded").load(folder, code)

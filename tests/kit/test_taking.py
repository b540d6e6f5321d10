"""What the commands write: whole or not at all, over nothing that is there; and the layout of TensorFlow Serving."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Damaged, InputError, StorageFailed
from core.exports.archive import archive_artifacts, write_archive
from core.exports.tf_serving import build_serving_zip, normalize_serving_name, parse_serving_version
from core.jobs import Jobs
from tests.conftest import fill


@pytest.fixture
def served(saved: Callable) -> str:
    """A SavedModel."""
    return saved("digits-mlp", "saved_model")["artifact"]


def test_a_kit_is_written_once_and_replaced_only_when_that_is_said(say, served: str, tmp_path: Path):
    out = tmp_path / "kit.zip"
    status, said, _ = say("kit", served, "-o", str(out), "--json")
    assert (status, json.loads(said)["bytes"]) == (0, out.stat().st_size)
    assert f"kit-{served}/verify.py" in zipfile.ZipFile(out).namelist()
    out.write_bytes(b"mine")
    status, _, error = say("kit", served, "-o", str(out))
    assert (status, out.read_bytes()) == (1, b"mine")
    assert error.startswith("There is a file of that name already. Received: kit.zip.")
    assert say("kit", served, "-o", str(out), "--force")[0] == 0
    assert zipfile.is_zipfile(out)
    assert say("kit", served, "-o", str(tmp_path / "none" / "kit.zip"))[0] == 1
    assert [one.name for one in tmp_path.iterdir()] == ["kit.zip"]


def test_a_saved_model_is_written_as_a_folder_of_models_expects_it(say, served: str, tmp_path: Path):
    status, _, _ = say("serving", served, "--name", "Digits, größer!", "--version", "3", "-o", str(tmp_path))
    folder = tmp_path / "Digits-gro-er" / "3"
    assert (status, (folder / "saved_model.pb").is_file()) == (0, True)
    assert (folder / "variables" / "variables.index").is_file()
    assert [one.name for one in folder.parent.iterdir()] == ["3"]
    assert say("serving", served, "--name", "Digits, größer!", "--version", "3", "-o", str(tmp_path))[0] == 1
    out = tmp_path / "digits.zip"
    assert say("serving", served, "--name", "digits", "-o", str(out))[0] == 0
    names = zipfile.ZipFile(out).namelist()
    assert "digits/1/saved_model.pb" in names
    assert all(name.startswith("digits/1/") for name in names)


def test_what_is_no_saved_model_is_refused_with_the_cure(jobs: Jobs, saved: Callable):
    with pytest.raises(InputError, match="TensorFlow Serving reads SavedModels") as refused:
        build_serving_zip(jobs.library, saved("digits-mlp", "keras")["artifact"], "digits")
    assert refused.value.cure == "Save the run as SavedModel or as Keras export, and take that copy."


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("digits", "digits"),
        ("../../etc", "etc"),
        ("a/b\\c\0d", "a-b-c-d"),
        ("Größe 2", "Gro-e-2"),
        ("x" * 99, "x" * 64),
    ],
)
def test_a_name_is_cleaned(text: str, name: str):
    assert normalize_serving_name(text) == name


@pytest.mark.parametrize("text", ["", "..", "///", "数字"])
def test_a_name_of_nothing_is_refused(text: str):
    with pytest.raises(InputError, match="no letter and no digit"):
        normalize_serving_name(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "one", "", "9" * 30, str(2**63), "١"])
def test_a_version_is_a_whole_number(text: str):
    with pytest.raises(InputError, match="A version is a whole number"):
        parse_serving_version(text)
    assert parse_serving_version("7") == parse_serving_version(7) == 7


@pytest.mark.trust
def test_nothing_half_written_is_left(jobs: Jobs, served: str, tmp_path: Path):
    with archive_artifacts(jobs.library, [served]) as parcel:
        kept = next(one for one in parcel._pieces if not isinstance(one, bytes) and one.bytes)
        kept.path.unlink()
        with pytest.raises(Damaged):
            write_archive(parcel, tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.trust
def test_a_full_disk_is_said_and_nothing_half_written_is_left(jobs: Jobs, served: str, small_disk: Path):
    fill(small_disk / "filler")
    with archive_artifacts(jobs.library, [served]) as parcel, pytest.raises(StorageFailed):
        write_archive(parcel, small_disk / "out.zip")
    assert [one.name for one in small_disk.iterdir()] == ["filler"]

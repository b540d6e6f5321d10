"""What the commands write: whole or not at all, over nothing that is there; and the layout of TensorFlow Serving."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Damaged, InputError, StorageFailed
from core.exports.archive import archive_artifacts, write_archive
from core.exports.tf_serving import build_serving_zip, normalize_serving_name, parse_serving_version
from core.jobs import Jobs
from tests.helpers import fill_disk


@pytest.fixture
def saved_model_artifact(saved: Callable) -> str:
    """A SavedModel."""
    return saved("digits-mlp", "saved_model")["artifact"]


def test_cli_kit_replaces_existing_file_only_with_force(run_cli, saved_model_artifact: str, tmp_path: Path):
    out = tmp_path / "kit.zip"
    status, output, _ = run_cli("kit", saved_model_artifact, "-o", str(out), "--json")
    assert (status, json.loads(output)["bytes"]) == (0, out.stat().st_size)
    folders = {name.split("/")[0] for name in zipfile.ZipFile(out).namelist()}
    assert len(folders) == 1
    assert re.fullmatch(r"digits-mlp-saved_model-\d{4}-\d\d-\d\d-kit", folders.pop())
    out.write_bytes(b"mine")
    status, _, error = run_cli("kit", saved_model_artifact, "-o", str(out))
    assert (status, out.read_bytes()) == (1, b"mine")
    assert error.startswith("There is a file of that name already. Received: kit.zip.")
    assert run_cli("kit", saved_model_artifact, "-o", str(out), "--force")[0] == 0
    assert zipfile.is_zipfile(out)
    assert run_cli("kit", saved_model_artifact, "-o", str(tmp_path / "none" / "kit.zip"))[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kit.zip"]


def test_cli_serving_writes_tf_serving_layout(run_cli, saved_model_artifact: str, tmp_path: Path):
    status, _, _ = run_cli(
        "serving", saved_model_artifact, "--name", "Digits, größer!", "--version", "3", "-o", str(tmp_path)
    )
    folder = tmp_path / "Digits-gro-er" / "3"
    assert (status, (folder / "saved_model.pb").is_file()) == (0, True)
    assert (folder / "variables" / "variables.index").is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["3"]
    assert (
        run_cli("serving", saved_model_artifact, "--name", "Digits, größer!", "--version", "3", "-o", str(tmp_path))[0]
        == 1
    )
    out = tmp_path / "digits.zip"
    assert run_cli("serving", saved_model_artifact, "--name", "digits", "-o", str(out))[0] == 0
    names = zipfile.ZipFile(out).namelist()
    assert "digits/1/saved_model.pb" in names
    assert all(name.startswith("digits/1/") for name in names)


def test_serving_zip_refuses_non_saved_model_with_cure(jobs: Jobs, saved: Callable):
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
def test_serving_name_is_sanitized(text: str, name: str):
    assert normalize_serving_name(text) == name


@pytest.mark.parametrize("text", ["", "..", "///", "数字"])
def test_serving_name_without_letters_or_digits_is_refused(text: str):
    with pytest.raises(InputError, match="no letter and no digit"):
        normalize_serving_name(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "one", "", "9" * 30, str(2**63), "١"])
def test_serving_version_must_be_a_positive_integer(text: str):
    with pytest.raises(InputError, match="A version is a whole number"):
        parse_serving_version(text)
    assert parse_serving_version("7") == parse_serving_version(7) == 7


@pytest.mark.trust
def test_write_archive_damaged_source_leaves_no_partial_file(jobs: Jobs, saved_model_artifact: str, tmp_path: Path):
    with archive_artifacts(jobs.library, [saved_model_artifact]) as parcel:
        stored = next(piece for piece in parcel._pieces if not isinstance(piece, bytes) and piece.bytes)
        stored.path.unlink()
        with pytest.raises(Damaged):
            write_archive(parcel, tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.trust
def test_write_archive_full_disk_leaves_no_partial_file(jobs: Jobs, saved_model_artifact: str, small_disk: Path):
    fill_disk(small_disk / "filler")
    with archive_artifacts(jobs.library, [saved_model_artifact]) as parcel, pytest.raises(StorageFailed):
        write_archive(parcel, small_disk / "out.zip")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]

"""Which files of a folder or zip are taken for models."""

import zipfile
from pathlib import Path

import pytest

from core.errors import InputError, Refused
from core.upgrade.candidates import MAX_MODELS, SHARED_FOLDER, count_models, find_candidates
from core.validation.archives import unpack, unpack_all


def write_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_models_are_found_with_their_architectures_and_folders(tmp_path: Path):
    folder = write_files(
        tmp_path / "models",
        "a.keras",
        "deep/b.onnx",
        "deep/w.weights.h5",
        "deep/w.json",
        "alone/v.weights.h5",
        "saved/saved_model.pb",
        "saved/variables/variables.index",
        "ckpt.index",
        "readme.txt",
        "notes.json",
    )
    found = find_candidates(folder)
    assert [candidate.name for candidate in found.candidates] == [
        "a.keras",
        "alone/v.weights.h5",
        "ckpt.index",
        "deep/b.onnx",
        "deep/w.weights.h5",
        "saved",
    ]
    by_name = {candidate.name: candidate for candidate in found.candidates}
    assert by_name["deep/w.weights.h5"].architecture == folder / "deep" / "w.json"
    assert by_name["alone/v.weights.h5"].architecture is None
    assert by_name["ckpt.index"].not_asked.startswith("A TensorFlow checkpoint is values alone")
    assert found.others == 2


def test_links_are_not_followed(tmp_path: Path):
    outside = write_files(tmp_path / "outside", "secret.keras")
    folder = write_files(tmp_path / "models", "a.keras")
    (folder / "b.keras").symlink_to(outside / "secret.keras")
    (folder / "linked").symlink_to(outside)
    assert [candidate.name for candidate in find_candidates(folder).candidates] == ["a.keras"]


def test_single_file_is_a_candidate_by_itself(tmp_path: Path):
    folder = write_files(tmp_path, "a.h5", "b.h5")
    assert [candidate.name for candidate in find_candidates(folder / "a.h5").candidates] == ["a.h5"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("readme.txt",), "There is no model in it"),
        (tuple(f"{at}.keras" for at in range(MAX_MODELS + 1)), "There are too many models in it"),
    ],
    ids=["none", "many"],
)
def test_folder_without_or_with_too_many_models_is_refused(tmp_path: Path, names: tuple[str, ...], sentence: str):
    with pytest.raises(InputError, match=sentence):
        find_candidates(write_files(tmp_path / "models", *names))


def test_zip_is_unpacked_only_under_the_rules_of_zips(tmp_path: Path):
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    with zipfile.ZipFile(good, "w") as archive:
        archive.writestr("deep/a.keras", b"x")
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("../a.keras", b"x")
    (tmp_path / "out").mkdir()
    unpack(good, tmp_path / "out", 1000)
    assert (tmp_path / "out" / "deep" / "a.keras").read_bytes() == b"x"
    with pytest.raises(Refused) as refused:
        unpack(bad, tmp_path / "out", 1000)
    assert refused.value.rule == "zip-name"
    with pytest.raises(Refused, match="larger than what may be imported"):
        unpack(good, tmp_path / "out", 0)


def test_saved_model_does_not_claim_models_beside_it(tmp_path: Path):
    names = ("saved_model.pb", "variables/variables.index", "fingerprint.pb", "a.keras", "more/b.onnx")
    found = find_candidates(write_files(tmp_path / "models", *names))
    assert [(candidate.name, candidate.not_asked) for candidate in found.candidates] == [
        ("a.keras", ""),
        ("more/b.onnx", ""),
        ("saved_model.pb", SHARED_FOLDER),
    ]
    assert found.others == 1


def test_uploaded_zips_are_unpacked_side_by_side_within_one_bound(tmp_path: Path):
    folder = write_files(tmp_path / "models", "c.h5")
    (tmp_path / "staged").mkdir()
    for name in ("a.zip", "b.ZIP"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("deep/a.keras", b"12345")
    refused = unpack_all(folder, tmp_path / "staged", 9)
    assert {name: error.rule for name, error in refused.items()} == {"b.ZIP": "unpacked-size"}
    assert [candidate.name for candidate in find_candidates(folder).candidates] == ["a.zip/deep/a.keras", "c.h5"]


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ((), 0),
        (("readme.txt", "a.json"), 0),
        (("a.weights.h5", "a.json"), 1),
        (("a.weights.h5", "a.json", "b.keras", "c.zip"), 3),
    ],
)
def test_models_are_counted_by_the_names_of_their_files(names: tuple[str, ...], count: int):
    assert count_models(names) == count

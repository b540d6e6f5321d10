"""Names of entries in sentences: by format, number and run, and by their ids only where nothing else is known."""

from core.exports.download_names import name_folders
from core.library.entry_names import name_entry
from tests.factories.library_entries import make_artifact, make_run


def test_name_entry_numbers_equal_copies_and_runs(empty_library):
    first, second = make_run(empty_library), make_run(empty_library)
    copies = [make_artifact(empty_library, second), make_artifact(empty_library, second, "h5")]
    copies.append(make_artifact(empty_library, second))
    assert name_entry(empty_library, first.id) == f"“{first.name}”"
    assert name_entry(empty_library, second.id) == f"“{second.name} #2”"
    assert [name_entry(empty_library, copy.id).partition(" of ")[0] for copy in copies] == [
        "Keras file (.keras)",
        "HDF5, legacy (.h5)",
        "Keras file (.keras) #2",
    ]
    assert name_entry(empty_library, copies[0].id).endswith(f" of “{second.name} #2”")


def test_name_entry_unreadable_or_unknown_is_its_id(empty_library):
    artifact = make_artifact(empty_library, make_run(empty_library))
    (empty_library.folder(artifact.id) / "artifact.json").write_text("{")
    assert name_entry(empty_library, artifact.id) == artifact.id
    assert name_entry(empty_library, "a0000000000") == "a0000000000"


def test_name_folders_numbers_equal_names(empty_library):
    run = make_run(empty_library)
    copies = [make_artifact(empty_library, run).id for _ in range(3)]
    names = list(name_folders(empty_library, reversed(copies)).values())
    assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]

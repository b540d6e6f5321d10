"""Plans: what stands in one, what can be wrong with it, which models it names, and how much it is."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.errors import InputError
from core.jobs.sweeps.sweep_files import list_uploads
from core.jobs.uploads import StoredUpload
from core.library import Library
from core.object_store import open_object_store
from core.sweep.models import LONE_FILE, SweptModel, find_objects, list_models, list_named_files
from core.sweep.plan import EXAMPLE, make_plan, parse_plan, read_plan
from core.sweep.size import describe_size, list_row_keys, measure_sweep
from core.upgrade.candidates import SHARED_FOLDER
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.private_entries import BO


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with a Keras file, weights with their architecture, a SavedModel, a pickle, and a text."""
    folder = tmp_path / "models"
    (folder / "deep" / "graph" / "variables").mkdir(parents=True)
    for name, size in (("a.keras", 10), ("w.weights.h5", 20), ("w.json", 3), ("old.pkl", 5), ("readme.txt", 1)):
        (folder / name).write_bytes(bytes(size))
    (folder / "deep" / "graph" / "saved_model.pb").write_bytes(bytes(7))
    (folder / "deep" / "graph" / "variables" / "variables.index").write_bytes(bytes(2))
    return folder


def test_example_is_a_plan_and_its_upgrade_is_one_too():
    plan = parse_plan(EXAMPLE)
    assert (plan.models, plan.formats, plan.retries) == (["models"], ["as-is", "keras", "onnx"], 1)
    upgrade = [line.removeprefix("# ") for line in EXAMPLE.splitlines()[-3:]]
    sides = parse_plan("\n".join(['models = ["models"]', *upgrade])).upgrade
    assert sides is not None
    assert (sides.source, sides.target) == ("here", "keras-3.3")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The plan has no 'models'."),
        ("models = []", "'models' does not fit: list should have at least 1 item"),
        ("models = 3", "'models' does not fit: input should be a valid list. Received: 3."),
        ("models = ['a']\nmodel = 'b'", "A plan has no such key. Received: model."),
        ("models = ['a']\nformats = ['word']", "There is no such format. Received: word."),
        ("models = ['a']\nenvironments = ['mars']", "There is no such environment. Received: mars."),
        ("models = ['a']\nmachines = ['abacus']", "There is no such machine. Received: abacus."),
        ("models = ['a']\nretries = 99", "'retries' does not fit: input should be less than or equal to 10."),
        ("models = ['a']\n[upgrade]\nfrom = 'here'", "The plan has no 'upgrade.to'."),
        ("models = ['a']\n[upgrade]\nfrom = 'here'\nto = 'here'", "An upgrade has two sides."),
        ("models = ['a']\nformats = ['h5']\n[upgrade]\nfrom = 'here'\nto = 'keras-3.3'", "An upgrade asks models as"),
        ("models", "The plan is no TOML."),
    ],
)
def test_wrong_plan_is_one_sentence(text: str, sentence: str):
    with pytest.raises(InputError) as caught:
        parse_plan(text)
    assert str(caught.value).startswith(sentence)


def test_plan_that_cannot_be_read_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(InputError, match="roundtrip sweep --example"):
        read_plan(tmp_path / "none.toml")


def test_models_of_folder_have_names_formats_and_sizes(empty_library: Library, models: Path, tmp_path: Path):
    listed = list_models(empty_library, ["models"], tmp_path)
    assert [(model.name, model.formats, model.bytes) for model in listed] == [
        ("a.keras", ("keras",), 10),
        ("deep/graph", ("saved_model",), 9),
        ("old.pkl", (), 5),
        ("w.weights.h5", ("weights",), 20),
    ]
    assert listed[2].not_asked.startswith("A pickle runs code")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["saved_model.pb"], [("saved_model.pb", (), 14, LONE_FILE)]),
        (["saved_model.pbtxt", "fingerprint.pb"], [("saved_model.pbtxt", (), 31, LONE_FILE)]),
        (["saved_model.pb", ".DS_Store", "b.zip"], [("saved_model.pb", (), 14, LONE_FILE), ("b.zip", (), 5, "")]),
        (
            ["saved_model.pb", "a.keras"],
            [("a.keras", ("keras",), 7, ""), ("saved_model.pb", (), 14, SHARED_FOLDER)],
        ),
        ([".DS_Store", "notes.txt"], []),
    ],
)
def test_models_of_sent_files_are_told_by_their_names(tmp_path: Path, names, expected):
    """Those that lie on the disk, too, but for zips, which are unpacked there."""

    def describe(models: Iterable[SweptModel]) -> list[tuple[str, tuple[str, ...], int, str]]:
        return [(model.name, model.formats, model.bytes, model.not_asked) for model in models]

    assert describe(list_named_files({name: len(name) for name in names})) == expected
    if expected:
        (tmp_path / "models").mkdir()
        for name in names:
            if not name.endswith(".zip"):
                (tmp_path / "models" / name).write_text(name)
        there = describe(list_uploads(StoredUpload(tmp_path / "models", "", {}, tmp_path), 10**6))
        assert [each[:2] + each[3:] for each in there] == [
            each[:2] + each[3:] for each in expected if each[0] != "b.zip"
        ]


def test_models_of_bucket_are_those_of_the_same_folder(empty_library: Library, models: Path, tmp_path: Path):
    here, there = (list_models(empty_library, [name], tmp_path) for name in ("models", f"file://{models}"))
    assert [(m.name, m.formats, m.bytes) for m in there][:3] == [(m.name, m.formats, m.bytes) for m in here][:3]
    for model in there:
        folder = tmp_path / "fetched" / model.name.replace("/", "-")
        folder.mkdir(parents=True)
        assert model.fetch is not None
        candidate = model.fetch(folder)
        assert candidate.path.exists()
        assert [path for path in folder.rglob("*") if path.is_file()] != []
        assert (candidate.architecture is not None) == (model.name == "w.weights.h5")
    graph = tmp_path / "fetched" / "deep-graph" / "deep" / "graph"
    assert (graph / "variables" / "variables.index").read_bytes() == bytes(2)


def test_single_saved_model_at_an_address_has_the_name_of_its_folder(empty_library: Library, models: Path):
    listed = list_models(empty_library, [f"file://{models}/deep/graph"], Path())
    assert [(model.name, model.formats) for model in listed] == [("graph", ("saved_model",))]


def test_object_that_went_meanwhile_is_said(empty_library: Library, models: Path, tmp_path: Path):
    model = list_models(empty_library, [f"file://{models}"], Path())[0]
    (models / "a.keras").unlink()
    assert model.fetch is not None
    with pytest.raises(InputError, match="removed from the bucket meanwhile"):
        model.fetch(tmp_path)


def test_address_without_model_is_said(models: Path):
    sizes = open_object_store(f"file://{models}").list_sizes()
    assert sizes["deep/graph/saved_model.pb"] == 7
    with pytest.raises(InputError, match="There is no model at this address"):
        find_objects(["readme.txt"], "s3://bucket/models")


def test_runs_of_one_name_are_numbered(empty_library: Library):
    runs = [make_run(empty_library, name="twice") for _ in range(2)]
    make_artifact(empty_library, runs[0], "onnx")
    listed = list_models(empty_library, ["library"], Path())
    assert [model.name for model in listed] == ["twice", "twice (2)"]
    assert {model.run: model.formats for model in listed} == {runs[0].id: ("onnx",), runs[1].id: ()}


def test_number_of_a_name_takes_no_name_of_another(empty_library: Library):
    for name in ("a", "a", "a (2)", "a"):
        make_run(empty_library, name=name)
    names = [model.name for model in list_models(empty_library, ["library"], Path())]
    assert sorted(names) == ["a", "a (2)", "a (3)", "a (4)"]


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "n" * 300, "a\0b"], ids=["user", "long", "null"])
def test_name_that_is_no_path_is_one_sentence(empty_library: Library, tmp_path: Path, name: str):
    with pytest.raises(InputError, match="This path cannot be read") as caught:
        list_models(empty_library, [name], tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_person_who_signed_in_names_runs_only(empty_library: Library, models: Path):
    library = empty_library.for_viewer(BO)
    for name in (str(models), f"file://{models}"):
        with pytest.raises(InputError, match="A person who signed in sweeps runs"):
            list_models(library, [name], Path())
    with pytest.raises(InputError, match="There is no run in the library"):
        list_models(library, ["library"], Path())


def test_size_counts_rows_imports_saves_builds_and_what_is_left_out(
    empty_library: Library, models: Path, tmp_path: Path
):
    given = {"formats": ["as-is", "onnx"], "environments": ["here", "openvino"], "machines": ["here", "sse41"]}
    plan = make_plan({"models": ["models"], **given})
    (models / "w.weights.h5").unlink()
    shutil.rmtree(models / "deep")
    listed = list_models(empty_library, plan.models, tmp_path)
    # The Keras file here and with fewer instructions, ONNX here and twice in OpenVINO, and the pickle's own row.
    assert [tuple(key)[1:] for key in list_row_keys(plan, listed[0])] == [
        ("keras", "here", "here"),
        ("keras", "here", "sse41"),
        ("onnx", "here", "here"),
        ("onnx", "openvino", "here"),
        ("onnx", "openvino", "sse41"),
    ]
    size = measure_sweep(plan, listed, {"openvino": 240 * 10**6})
    assert (size.models, size.rows, size.imports, size.saves, size.bytes, size.left_out) == (2, 6, 1, 1, 15, 3)
    assert describe_size(size)[-2] == "To build first: OpenVINO 2026.4; 240 MB on the disk."

"""The overview of an artifact: its verdict and why it does not load, its options in words, its files as a tree."""

from collections.abc import Callable
from pathlib import Path

from core.formats import all_formats, get_format
from core.jobs import Jobs
from ui.artifact_detail import file_tree
from ui.inspect.overview import label_options


def test_overview_names_options_by_label_and_former_ones_by_key():
    format_ = next(each for each in all_formats() if each.options)
    option = format_.options[0]
    given = {option.key: option.default, "former_option": True, "other_option": False}
    value = {True: "yes", False: "no"}.get(option.default, str(option.default))
    assert list(label_options(format_, given)) == [
        (option.label, value),
        ("former_option", "yes"),
        ("other_option", "no"),
    ]
    assert list(label_options(get_format("keras"), {})) == []


def test_file_tree_has_each_folder_once_and_sizes_beside_the_longest_name():
    files = (("a.json", 950), ("variables/a_long_name.index", 12_300), ("variables/b.data", 4_500_000))
    assert file_tree(Path("a1") / "files", files).splitlines() == [
        "files/",
        "  a.json                   950 B",
        "  variables/",
        "    a_long_name.index    12.3 kB",
        "    b.data                4.5 MB",
    ]


def test_overview_says_why_a_copy_does_not_load(visit: Callable, jobs: Jobs, saved: Callable):
    id_ = saved("tips", "h5")["artifact"]
    app = visit(jobs, "inspect", artifact=id_)
    assert not app.exception
    assert ["vocabulary was lost" in error.value for error in app.error] == [True]


def test_inspect_page_says_which_of_two_is_a(visit: Callable, jobs: Jobs, saved: Callable):
    first, second = (saved("tips", key)["artifact"] for key in ("keras", "h5"))
    app = visit(jobs, "inspect", artifact=first, beside=second, part="Files")
    captions = [caption.value.replace("\\", "") for caption in app.caption]
    assert [text for text in captions if text.startswith("A is Keras file (.keras), B is HDF5, legacy (.h5). Both")]

"""The overview of an artifact: its options in words, its files as a tree."""

from pathlib import Path

from core.formats import all_formats, get_format
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

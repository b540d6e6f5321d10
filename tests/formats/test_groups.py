"""Groups of formats: each of ours stands in exactly one, and those of third parties are not lost."""

from dataclasses import replace

from core.formats import ENVIRONMENT_FORMATS, FORMATS, get_format
from core.formats.groups import FORMAT_GROUPS, OTHERS, group_formats


def test_format_groups_hold_each_format_exactly_once():
    ours = (*FORMATS, *ENVIRONMENT_FORMATS)
    assert sorted(key for group in FORMAT_GROUPS for key in group.keys) == sorted(format_.key for format_ in ours)
    assert [group for group in FORMAT_GROUPS if not (group.title and group.purpose)] == []


def test_format_groups_to_keep_training_keep_the_optimizer():
    (group,) = [group for group in FORMAT_GROUPS if group.title == "Keep training"]
    assert [key for key in group.keys if "optimizer state" not in get_format(key).keeps] == []


def test_group_formats_of_third_party_stands_last():
    foreign = replace(get_format("keras"), key="foreign")
    groups = group_formats([foreign, get_format("onnx"), get_format("keras")])
    assert [(group.title, [member.key for member in members]) for group, members in groups] == [
        ("Keep training", ["keras"]),
        ("Other runtimes", ["onnx"]),
        (OTHERS.title, ["foreign"]),
    ]

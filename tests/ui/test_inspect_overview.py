"""The overview of an artifact: its options in words."""

from core.formats import all_formats, get_format
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

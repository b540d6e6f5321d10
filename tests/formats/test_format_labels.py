"""Names and order of formats, also of one that is not installed any more."""

import pytest

from core.formats import all_formats, format_order, label_format
from core.text.labels import capitalize_first, short_labels
from tests.factories.library_entries import make_artifact, make_run


def test_label_of_a_format_is_its_own_and_of_an_unknown_its_key():
    assert [label_format(each.key) for each in all_formats()] == [each.label for each in all_formats()]
    assert (label_format("no_such_format"), label_format("")) == ("no_such_format", "")


def test_order_of_formats_is_that_of_the_registry_and_an_unknown_last():
    keys = [each.key for each in all_formats()]
    assert sorted(["no_such_format", *reversed(keys)], key=format_order) == [*keys, "no_such_format"]


def test_copies_whose_format_is_not_installed_are_named_by_its_key(empty_library):
    run = make_run(empty_library)
    gone, known = make_artifact(empty_library, run, "plain_numpy"), make_artifact(empty_library, run, "keras")
    labels = short_labels([gone.id, known.id], {each.id: each for each in (gone, known)})
    assert labels == {gone.id: "plain_numpy", known.id: "Keras file (.keras)"}


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("x", "X"), ("iOS and macOS", "IOS and macOS")])
def test_first_letter_is_made_a_capital_and_no_other_is_changed(text: str, expected: str):
    assert capitalize_first(text) == expected

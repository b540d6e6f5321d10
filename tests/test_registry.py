"""A key that a person mistyped gets the nearest one, and all that there are."""

import pytest

from core.demos import get_demo
from core.environments import get_environment
from core.errors import UnknownName
from core.formats import all_formats, get_format


@pytest.mark.parametrize(
    ("find", "typed", "nearest"),
    [
        (get_format, "weigths", "weights?"),
        (get_demo, "digits-mpl", "digits-mlp?"),
        (get_environment, "keras-v3.12", "keras-3.12?"),
    ],
)
def test_unknown_key_is_answered_with_the_nearest(find, typed: str, nearest: str):
    with pytest.raises(UnknownName) as caught:
        find(typed)
    assert caught.value.received == typed
    assert caught.value.cure.startswith(f"Did you mean {nearest}")


def test_key_like_no_other_is_answered_with_all():
    with pytest.raises(UnknownName) as caught:
        get_format("%%%")
    assert caught.value.cure == f"Choose from {', '.join(format_.key for format_ in all_formats())}."

"""The demos, written down: a new one is one file here and one line in `DEMOS`."""

from core.demos import (
    digits_cnn,
    digits_core,
    digits_custom,
    digits_denoiser,
    digits_mixed,
    digits_mlp,
    digits_subclassed,
    names,
    stocks_lstm,
    tips,
    two_in_two_out,
)
from core.demos.base import Demo
from core.errors import UnknownName

DEMOS: tuple[Demo, ...] = (
    digits_mlp.DEMO,
    digits_core.DEMO,
    digits_custom.DEMO,
    digits_cnn.DEMO,
    digits_denoiser.DEMO,
    digits_mixed.DEMO,
    digits_subclassed.DEMO,
    tips.DEMO,
    names.DEMO,
    two_in_two_out.DEMO,
    stocks_lstm.DEMO,
)


def get_demo(key: str) -> Demo:
    """The demo of that key.

    Raises UnknownName with the keys that exist.
    """
    for demo in DEMOS:
        if demo.key == key:
            return demo
    raise UnknownName(
        "There is no such demo.", received=key, cure=f"Choose from {', '.join(one.key for one in DEMOS)}."
    )

"""Which signature of a file answers: the one that was asked for, else the usual one."""

from collections.abc import Iterable

from core.errors import DoesNotLoad, InputError

DEFAULT_SIGNATURE = "serving_default"


def selectable_signatures(names: Iterable[str]) -> list[str]:
    """The signatures that a person may choose from; TensorFlow's own, for initialising, are left out."""
    return sorted(name for name in names if not name.startswith("__saved_model"))


def choose_signature(names: Iterable[str], requested: str = "") -> tuple[str, str]:
    """Choose the requested signature, else serving_default, else the first.

    Returns its name, and a remark where it is not the one that is usually expected. Raises DoesNotLoad where there is
    none, InputError where the requested one is not there.
    """
    selectable = selectable_signatures(names)
    if not selectable:
        raise DoesNotLoad(
            "This file loads, but has no signature to answer through.",
            received="no signatures",
            cure="Save it again with signatures={'serving_default': function}.",
        )
    if requested and requested not in selectable:
        raise InputError("It has no such signature.", received=requested, cure=f"Choose from {', '.join(selectable)}.")
    chosen = requested or (DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in selectable else selectable[0])
    return chosen, _signature_remark(chosen, [name for name in selectable if name != chosen])


def _signature_remark(chosen: str, others: list[str]) -> str:
    if not others:
        return "" if chosen == DEFAULT_SIGNATURE else f"It answers through its only signature, “{chosen}”."
    return f"It answers through its signature “{chosen}”; it also has {', '.join(f'“{name}”' for name in others)}."

"""Which signature of a file answers, where it has several."""

from collections.abc import Iterable

from core.errors import DoesNotLoad, InputError

DEFAULT = "serving_default"


def offered(names: Iterable[str]) -> list[str]:
    """The signatures that a person may choose from; TensorFlow's own, for initialising, are left out."""
    return sorted(name for name in names if not name.startswith("__saved_model"))


def choose_signature(names: Iterable[str], asked: str = "") -> tuple[str, str]:
    """The signature that answers, and a remark where it is not the one that everybody expects: the asked one; else
    serving_default; else the first.

    Raises DoesNotLoad where there is none, InputError where the asked one is not there.
    """
    found = offered(names)
    if not found:
        raise DoesNotLoad(
            "This file loads, but has no signature to answer through.",
            received="no signatures",
            cure="Save it again with signatures={'serving_default': function}.",
        )
    if asked and asked not in found:
        raise InputError("It has no such signature.", received=asked, cure=f"Choose from {', '.join(found)}.")
    chosen = asked or (DEFAULT if DEFAULT in found else found[0])
    return chosen, _answers_through(chosen, [name for name in found if name != chosen])


def _answers_through(chosen: str, others: list[str]) -> str:
    if not others:
        return "" if chosen == DEFAULT else f"It answers through its only signature, “{chosen}”."
    return f"It answers through its signature “{chosen}”; it also has {', '.join(f'“{one}”' for one in others)}."


def remarks(*said: str) -> str:
    """Remarks, one after another."""
    return " ".join(one for one in said if one)

"""Why a model does not come through an upgrade, in words: which layer, which argument, since which release."""

import json
from collections.abc import Iterable

from core.environments.base import Environment
from core.environments.judge import ElsewhereOutcome
from core.runtimes.keras_releases import FIRST_RELEASE, Need, Release, find_needs, release_text
from core.upgrade.rows import Status, status_of
from core.upgrade.sides import keras_release

SHOWN_NEEDS, SHOWN_LAYERS = 4, 3
OLDER_CURE = "Save it for that release (“For Keras” of a Keras file), or load it under a later one."


def name_cause(target: Environment, outcome: ElsewhereOutcome, config: str | None) -> ElsewhereOutcome:
    """Return an outcome whose error says what `describe_cause` does; the library's own words stay in its detail."""
    sentence = describe_cause(target, outcome, config)
    if not outcome.error or sentence == outcome.cause:
        return outcome
    detail = outcome.error.get("detail") or outcome.error["sentence"]
    named = {"sentence": sentence, "received": "", "cure": OLDER_CURE, "detail": detail}
    return outcome.model_copy(update={"error": outcome.error | named})


def describe_cause(target: Environment, outcome: ElsewhereOutcome, config: str | None) -> str:
    """Return why an outcome is what it is; empty where every bit is the same.

    Args:
        target: The environment in which the model was asked.
        outcome: What came of that.
        config: The text of the model's Keras config, where it has one that can be read.
    """
    release = keras_release(target)
    if status_of(outcome) is Status.DOES_NOT_LOAD and config and release and release >= FIRST_RELEASE:
        needs = [need for need in find_needs(json.loads(config)) if need.release > release]
        if needs:
            return f"Keras {release_text(release)} does not know {_name_needs(needs)}."
    return outcome.cause


def _name_needs(needs: Iterable[Need]) -> str:
    """Name what came later, the newest first, each with its release and the layers in which it stands."""
    layers: dict[tuple[Release, str], list[str]] = {}
    for need in sorted(needs, key=lambda need: need.release, reverse=True):
        named = layers.setdefault((need.release, need.what), [])
        if need.layer and need.layer not in named:
            named.append(need.layer)
    parts = [f"{what} (since Keras {release_text(at)}{_name_layers(named)})" for (at, what), named in layers.items()]
    more = len(parts) - SHOWN_NEEDS
    return "; ".join(parts[:SHOWN_NEEDS]) + (f"; and {more:,} more" if more > 0 else "")


def _name_layers(names: list[str]) -> str:
    if not names:
        return ""
    more = len(names) - SHOWN_LAYERS
    listed = ", ".join(f"“{name}”" for name in names[:SHOWN_LAYERS])
    return f", in {listed}" + (f" and {more:,} more layers" if more > 0 else "")

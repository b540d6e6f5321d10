"""Which releases of Keras 3 (from 3.3 on) read the config of a model, and the config as an older one reads it.

A release refuses a layer's config for a key that it does not know, whatever its value. `keras_releases.json` says for
each class and argument the first minor release that knows it, with its default; it was read from the sources of the
released packages by `tests/keras_releases/collect.py`.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from core.errors import CannotSave

Config = Any  # free JSON, as Keras writes it
Release = tuple[int, int]

FIRST_RELEASE: Release = (3, 3)  # the oldest that was tried; 3.0 looks for the weights of some layers elsewhere
NESTED_ENDPOINTS: Release = (3, 4)  # from which on a model's only input or output may stand without a list around it
# An argument that is left out stands for these in every release, unless its user has set otherwise.
GLOBAL_SETTINGS = {"data_format": "channels_last"}
THIS_RELEASE = "this one"
WRITTEN_FOR = (THIS_RELEASE, *(f"3.{minor}" for minor in range(14, FIRST_RELEASE[1] - 1, -1)))
TABLE_FILE = Path(__file__).with_suffix(".json")


class ClassRow(TypedDict):
    """The first release that has a class, empty for the first of all, and (release, default) of its later arguments."""

    since: str
    arguments: dict[str, list[Any]]


class KerasTable(TypedDict):
    """The classes by name, and (release, name before) of those that were renamed."""

    classes: dict[str, ClassRow]
    renamed: dict[str, list[str]]


class Need(NamedTuple):
    """Something in a config that no release before `release` reads.

    Attributes:
        layer: The name of the layer in which it stands, empty outside of layers.
        what: The class, or the class and its argument.
        is_default: Whether it says nothing that an older release does not do by itself.
    """

    release: Release
    layer: str
    what: str
    is_default: bool


@cache
def read_table() -> KerasTable:
    table: KerasTable = json.loads(TABLE_FILE.read_text(encoding="utf-8"))
    return table


def parse_release(version: str) -> Release:
    """The minor release of a version: (3, 9) of "3.9.2"."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def release_text(release: Release) -> str:
    return f"{release[0]}.{release[1]}"


def oldest_release(config: Config, without_defaults: bool = False) -> Release:
    """Return the first release that reads a config as it stands.

    `without_defaults` leaves out what stands at its default: the first release for which it can be written.
    """
    needs = (need for need in find_needs(config) if not (without_defaults and need.is_default))
    return max((need.release for need in needs), default=FIRST_RELEASE)


def find_needs(config: Config, layer: str = "") -> Iterator[Need]:
    """Yield all that some release of Keras 3 does not read."""
    if isinstance(config, list):
        for item in config:
            yield from find_needs(item, layer)
    if not isinstance(config, dict):
        return
    if _is_of_keras(config):
        layer = str(config["config"].get("name") or layer)
        yield from _needs_of_object(config["class_name"], config["config"], layer)
    for value in config.values():
        yield from find_needs(value, layer)


def _is_of_keras(config: dict[str, Any]) -> bool:
    """Whether it is an object of a class of Keras itself, and not of a person's own class under the same name."""
    if not isinstance(config.get("class_name"), str) or not isinstance(config.get("config"), dict):
        return False
    own = ">" in str(config.get("registered_name") or "")
    return not own and str(config.get("module", "keras")).partition(".")[0] in ("keras", "builtins", "None")


def _needs_of_object(name: str, arguments: dict[str, Any], layer: str) -> Iterator[Need]:
    row, renamed = read_table()["classes"].get(name), read_table()["renamed"].get(name)
    if renamed:
        yield Need(parse_release(renamed[0]), layer, name, is_default=True)
    if _has_bare_endpoints(arguments):
        yield Need(NESTED_ENDPOINTS, layer, name, is_default=True)
    if row is None:
        return
    if row["since"]:
        yield Need(parse_release(row["since"]), layer, name, is_default=False)
    for argument, (release, default) in row["arguments"].items():
        if argument in arguments:
            is_default = _is_default(argument, arguments[argument], default)
            yield Need(parse_release(release), layer, f"{name}({argument}={arguments[argument]!r})", is_default)


def _is_default(argument: str, value: Any, default: Any) -> bool:
    """Whether a value says nothing; an argument without a value of its own stands as None, or as False."""
    if value is None or value is False:
        return default is None or default is False
    is_same = type(value) is type(default) and bool(value == default)
    return is_same or bool(value == GLOBAL_SETTINGS.get(argument, object()))


def _has_bare_endpoints(arguments: dict[str, Any]) -> bool:
    return any(_is_endpoint(arguments.get(side)) for side in ("input_layers", "output_layers"))


def _is_endpoint(value: Any) -> bool:
    """Whether it is (layer, node, tensor), the address of one tensor in a functional model."""
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)


def rewrite_config(text: str, written_for: str) -> tuple[str, str]:
    """Return the text of a config as it is written for a release, and which releases read it, in a sentence.

    `written_for` is a minor release such as "3.9", or `THIS_RELEASE`. Raises CannotSave as `config_for` does.
    """
    config = json.loads(text)
    if written_for != THIS_RELEASE:
        config = config_for(config, parse_release(written_for))
        return json.dumps(config, indent=2), f"Written for Keras {written_for}: no word in it is of a later release."
    oldest, possible = oldest_release(config), oldest_release(config, without_defaults=True)
    advice = f"; with the option 'For Keras', {release_text(possible)} and later" if possible < oldest else ""
    return text, f"Keras {release_text(oldest)} and later read this file{advice}."


def config_for(config: Config, release: Release) -> Config:
    """Return a config that says the same in words that a release knows.

    Raises CannotSave, naming the layers, where it asks for something that came later.
    """
    missing = [need for need in find_needs(config) if need.release > release and not need.is_default]
    if missing:
        listed = ", ".join(dict.fromkeys(f"{need.what} in '{need.layer}'" for need in missing[:4]))
        newest = release_text(max(need.release for need in missing))
        raise CannotSave(
            f"Keras {release_text(release)} has no word for what this model asks for.",
            received=listed,
            cure=f"Write it for Keras {newest} or newer, or save as SavedModel.",
        )
    return _rewrite(config, release)


def _rewrite(config: Config, release: Release) -> Config:
    if isinstance(config, list):
        return [_rewrite(item, release) for item in config]
    if not isinstance(config, dict):
        return config
    config = dict(config)
    if _is_of_keras(config):
        name = config["class_name"]
        config["config"] = _known_arguments(name, config["config"], release)
        renamed = read_table()["renamed"].get(name)
        if renamed and release < parse_release(renamed[0]):
            config["class_name"] = renamed[1]
    return {key: _rewrite(value, release) for key, value in config.items()}


def _known_arguments(name: str, arguments: dict[str, Any], release: Release) -> dict[str, Any]:
    row = read_table()["classes"].get(name)
    later = row["arguments"] if row else {}
    known = {
        key: value for key, value in arguments.items() if key not in later or parse_release(later[key][0]) <= release
    }
    if release < NESTED_ENDPOINTS:
        for side in ("input_layers", "output_layers"):
            known |= {side: [known[side]]} if _is_endpoint(known.get(side)) else {}
    return known

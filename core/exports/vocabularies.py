"""Words of lookup layers, put into an architecture: an adapted vocabulary is in the assets of a .keras file alone."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import InputError

LOOKUP_LAYERS = ("StringLookup", "IntegerLookup", "TextVectorization")
ASSET_PATTERN = re.compile(r"assets/(?P<layer>.+)/vocabulary\.txt")
INNER_LAYER = "/_lookup_layer"  # of TextVectorization, which stores the same words once more

Config = dict[str, Any]


def fill_vocabularies(architecture: bytes, assets: Mapping[str, bytes]) -> bytes:
    """Return an architecture with the words of its lookup layers in their configs, where Keras reads them as well.

    `assets` are the members of the .keras file. Raises InputError where words are left over, or weighted.
    """
    words = {match["layer"]: text.decode() for name, text in assets.items() if (match := ASSET_PATTERN.fullmatch(name))}
    words = {layer: text for layer, text in words.items() if not layer.endswith(INNER_LAYER)}
    if not words:
        return architecture
    document = json.loads(architecture)
    for path, config in _walk_layers(document, ""):
        if path in words and config.get("output_mode") != "tf_idf":
            config["vocabulary"] = _parse_words(words.pop(path), config)
    if words:
        raise InputError(
            "The words of this model cannot be put into a kit of half a model.",
            received=", ".join(sorted(words)),
            cure="Take the kit of a copy that holds them: .keras or SavedModel.",
        )
    return json.dumps(document, indent=2).encode()


def _parse_words(text: str, config: Config) -> list[Any]:
    lines = text.splitlines()
    while lines and not lines[-1]:
        lines.pop()
    return list(lines) if config.get("vocabulary_dtype", "string") == "string" else [int(line) for line in lines]


def _walk_layers(entry: Config, path: str) -> Iterator[tuple[str, Config]]:
    """Yield the config of each lookup layer with the path under which Keras stores its assets."""
    if entry.get("class_name") in LOOKUP_LAYERS:
        yield path, entry["config"]
    counts: Counter[str] = Counter()
    for layer in entry.get("config", {}).get("layers") or ():
        name = _to_snake_case(layer["class_name"])
        number = f"_{counts[name]}" if counts[name] else ""
        counts[name] += 1
        yield from _walk_layers(layer, f"{path}/layers/{name}{number}".lstrip("/"))


def _to_snake_case(name: str) -> str:
    """As Keras names the parts of a model in a file, by their classes."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()

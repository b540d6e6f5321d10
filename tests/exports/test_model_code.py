"""The code that a kit lacks, by what the architecture of a run names."""

import json

import pytest

from core.exports import missing_parts


def describe(name: str, module: str | None, **config) -> dict[str, object]:
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def describe_function(name: str) -> dict[str, object]:
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (describe("Dense", "keras.layers", units=2), []),
        (describe("Functional", "keras.src.models.functional"), []),
        (describe("Scale", "own.layers"), ["Scale"]),
        (describe("Scale", None), ["Scale"]),
        (describe("Dense", "keras.layers", kernel_regularizer=describe("Own", None)), ["Own"]),
        ({"compile_config": {"loss": describe_function("own_loss")}}, ["own_loss"]),
        ({"compile_config": {"loss": describe_function("huber")}}, []),
        ({"class_name": "__tuple__", "items": [1, 2]}, []),
    ],
    ids=["keras", "a model", "a module", "the program itself", "inside", "a function", "keras' function", "a tuple"],
)
def test_list_custom_classes_tells_own_code_from_keras(config, names, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(missing_parts, "read_architecture", lambda library, run: json.dumps(config).encode())
    assert missing_parts.list_custom_classes(library=None, run=None) == names

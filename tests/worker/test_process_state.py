"""What a load leaves behind in its process, and what is no trace of one."""

import importlib
import sys

import pytest

from core.worker import child_reuse
from core.worker.child_reuse import is_as_before, note_first_load
from core.worker.tasks.predict import unload


@pytest.fixture(autouse=True)
def first_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process loaded its first model now."""
    monkeypatch.setattr(child_reuse, "_before", [])
    note_first_load()


def test_process_without_traces_is_as_before():
    note_first_load()
    assert is_as_before()


def test_process_in_which_a_class_was_registered_is_not_as_before():
    import keras

    with keras.saving.custom_object_scope({}):
        assert is_as_before()
    registry = keras.saving.get_custom_objects()
    registry["Somebody>Layer"] = keras.layers.Layer
    try:
        assert not is_as_before()
    finally:
        del registry["Somebody>Layer"]
    assert is_as_before()


def test_process_with_another_policy_is_not_as_before():
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert not is_as_before()
        assert not unload(lambda *_: None, {})[0]["is_clean"]  # which clears Keras' session
    finally:
        keras.config.set_dtype_policy(policy)


def test_process_that_imported_a_module_of_a_person_is_not_as_before(tmp_path, monkeypatch):
    (tmp_path / "layers_of_somebody.py").write_text("class Scale: pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("layers_of_somebody")
    try:
        assert not is_as_before()
    finally:
        del sys.modules["layers_of_somebody"]


def test_process_that_imported_an_installed_module_is_as_before(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    child_reuse._before.clear()
    note_first_load()
    importlib.import_module("colorsys")
    assert is_as_before()

"""A format module of a third party as it was written for the names of before: it loads and works, with a warning."""

import importlib
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.formats import get_format
from core.formats.base import Format
from core.formats.standalone_loaders import StandaloneLoader
from core.runtimes.base import Predictor

PLUGIN = '''"""One row of weights as text: a format that only this test knows."""

from pathlib import Path

from core.formats.contract import NO_CODE, Arrays, Code, Format, Kit, Named, Option, Predictor, Spec, plain


def save(model, folder: Path, digits: int = 3) -> None:
    (folder / "row.txt").write_text(" ".join(f"{weight:.{digits}f}" for weight in model))


def load(folder: Path, code: Code = NO_CODE) -> Predictor:
    row = [float(word) for word in (folder / "row.txt").read_text().split()]

    def answer(inputs: Arrays) -> Arrays:
        return {"sum": plain(inputs["x"] @ row)}

    def optimizer() -> Named:
        return []

    return Predictor(row, (Spec("x", "float64", (None, len(row))),), answer=answer, optimizer=optimizer, remark="Old.")


def open_row(path):
    return lambda inputs: inputs


def open_any_row(path):
    return lambda inputs: inputs


FORMAT = Format(
    key="row_of_text",
    label="Row of text",
    layout="one file",
    good_for="A test.",
    keeps=frozenset({"weights"}),
    accepts=frozenset({"keras"}),
    save=save,
    load=load,
    options=(Option("digits", "Digits", 3, "Digits behind the point.", least=1, most=9),),
    largest=100,
    inside="keras",
    broken="",
    kit=Kit(open_row, "row.txt", needs=("numpy",), brought=open_any_row),
)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Format:
    """The plug-in's format, found by its entry point."""
    (tmp_path / "row_of_text_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "core.formats.contract", raising=False)
    entry = EntryPoint("row_of_text", "row_of_text_plugin:FORMAT", "roundtrip.formats")
    monkeypatch.setattr("core.formats._find_entry_points", lambda stamp: [entry])
    with pytest.warns(DeprecationWarning, match=r"core\.formats\.contract is deprecated"):
        format_ = get_format("row_of_text")
    del sys.modules["row_of_text_plugin"]
    return format_


def test_old_plugin_facts_are_read_under_new_names(plugin: Format):
    assert isinstance(plugin, Format)
    assert (plugin.unavailable_reason, plugin.activations, plugin.max_weight_bytes) == ("", "keras", 100)
    assert plugin.refusal_reason("keras", 101).startswith("The weights take 101 bytes")
    assert plugin.resolve_options({"digits": "4"}) == {"digits": 4}
    with pytest.raises(InputError) as caught:
        plugin.resolve_options({"digits": 10})
    assert caught.value.cure == "Choose from 1 to 9."
    assert isinstance(plugin.kit, StandaloneLoader)
    assert (plugin.kit.packages, plugin.kit.load.__name__) == (("numpy",), "open_row")
    assert plugin.kit.for_trust("brought in").load.__name__ == "open_any_row"


def test_old_plugin_facts_are_read_under_old_names(plugin: Format):
    assert (plugin.broken, plugin.inside, plugin.largest, plugin.missing) == ("", "keras", 100, [])
    assert (plugin.options[0].least, plugin.options[0].most, plugin.kit.needs) == (1, 9, ("numpy",))
    assert plugin.choose() == {"digits": 3}
    with pytest.raises(AttributeError):
        plugin.colour  # noqa: B018  a name that was never there


def test_old_plugin_saves_loads_and_predicts(plugin: Format, tmp_path: Path):
    plugin.save([1.0, 2.5], tmp_path, **plugin.resolve_options())
    predictor = plugin.load(tmp_path)
    assert isinstance(predictor, Predictor)
    assert predictor.predict({"x": np.array([[2, 2]])})["sum"].tolist() == [7.0]
    assert (predictor.remark, predictor.optimizer_state(), predictor.optimizer()) == ("Old.", [], [])


def test_old_live_predictor_has_old_names_and_warns(monkeypatch: pytest.MonkeyPatch):
    import keras

    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1, kernel_initializer="ones")])
    monkeypatch.delitem(sys.modules, "core.formats.live", raising=False)
    with pytest.warns(DeprecationWarning, match=r"core\.formats\.live is deprecated"):
        live = importlib.import_module("core.formats.live")
    predictor = live.keras_predictor(model)
    rows = {"x": np.ones((3, 2), "float32")}
    assert predictor.answer(predictor.fitted(rows))["output_0"].tolist() == [[2.0], [2.0], [2.0]]
    assert (predictor.optimizer(), live.numpy_dtype("string")) == ([], "object")
    assert live.arranged(model, rows) is rows["x"]

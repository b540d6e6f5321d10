"""Keras under the back end torch: layers that it computes otherwise are named, and parameters of its programs count."""

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from core.compare import Verdict
from core.environments import get_environment
from core.environments.base import SCRIPTS
from core.environments.build import BuiltEnvironment
from core.environments.judge import ElsewhereOutcome, judge_kit
from core.environments.kits import Kit
from core.environments.pool import WarmProcesses
from core.settings import Settings
from tests.factories.built_environments import build_or_skip

POOLING = "Under torch 'layer' takes a mean of which the border, repeated where padding is uneven, is a part"
CUBIC = "Under torch 'layer' draws its cubic curves with the constant -0.75"


def build_model(kind: str, size: int = 8):
    import keras

    layers = {
        "pooling": lambda: keras.layers.AveragePooling2D(3, strides=2, padding="same", name="layer"),
        "resizing": lambda: keras.layers.Resizing(13, 13, interpolation="bicubic", name="layer"),
        "linear": lambda: keras.layers.Resizing(13, 13, interpolation="bilinear", name="layer"),
    }
    picture = keras.Input((size, size, 2), name="picture")
    return keras.Model(picture, layers[kind]()(picture))


@pytest.mark.parametrize(
    ("kind", "size", "beginning"),
    [("pooling", 8, POOLING), ("pooling", 9, ""), ("resizing", 8, CUBIC), ("linear", 8, "")],
    ids=["uneven pooling", "even pooling", "cubic", "linear"],
)
def test_note_names_layers_that_torch_computes_otherwise(kind: str, size: int, beginning: str, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from keras_torch import describe_differences

    note = describe_differences(build_model(kind, size))
    assert note.startswith(beginning)
    assert bool(note) == bool(beginning)


@pytest.fixture(scope="session")
def built_torch(built_config: Settings) -> BuiltEnvironment:
    return build_or_skip(built_config, get_environment("keras-torch"))


@pytest.fixture
def ask_torch(built_config: Settings, built_torch: BuiltEnvironment, tmp_path: Path) -> Callable[..., ElsewhereOutcome]:
    """A function that asks a .keras file of a model under torch what it answers here."""

    def ask(model) -> ElsewhereOutcome:
        folder = tmp_path / "kit"
        (folder / "artifact").mkdir(parents=True)
        model.save(folder / "artifact" / "model.keras")
        x = np.random.default_rng(0).random((4, *model.inputs[0].shape[1:]), "float32")
        expected = {"output_0": np.asarray(model(x))}
        np.savez(folder / "inputs.npz", picture=x)
        np.savez(folder / "expected.npz", **expected)
        (folder / "kit.json").write_text(json.dumps({"format": "keras"}))
        kit = Kit("kit", "keras", expected, partial(shutil.copytree, folder), bytes=4096, is_untrusted=False)
        with WarmProcesses(built_config) as processes:
            return judge_kit(processes, get_environment("keras-torch"), built_torch, kit)

    return ask


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("kind", "size", "least"),
    [("pooling", 8, 0.1), ("pooling", 9, 0.0), ("resizing", 8, 0.05), ("linear", 8, 0.0)],
    ids=["uneven pooling", "even pooling", "cubic", "linear"],
)
def test_torch_answers_otherwise_where_the_note_says_so(ask_torch, kind: str, size: int, least: float):
    outcome = ask_torch(build_model(kind, size))
    assert outcome.error is None
    assert bool(outcome.notes) == bool(least) == (outcome.verdict not in (Verdict.BIT_IDENTICAL, Verdict.ROUNDING))
    assert float(outcome.max_abs) >= least


PROGRAM = """
import sys
import torch

program, rows = torch.export.load(sys.argv[1]), torch.ones(3, 4)
module = program.module()
before = module(rows)
assert before.requires_grad and len(before) == 3
with torch.no_grad():
    for parameter in module.parameters():
        parameter.zero_()
assert module(rows).abs().max() == 0 < before.abs().max()
print(*program.state_dict)
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_parameters_of_a_program_are_what_it_computes_with(
    built_torch: BuiltEnvironment, built_config: Settings, tmp_path: Path, monkeypatch
):
    import keras

    from core.formats import get_format

    monkeypatch.setattr("core.runtimes.environment_link.get_settings", lambda: built_config)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="only")])
    get_format("pt2").save_model(model, "keras", tmp_path)
    command = [built_torch.python, "-c", PROGRAM, tmp_path / "model.pt2"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()) == (0, ["only/kernel", "only/bias"]), ended.stderr

"""Kits of real copies in every format, run by this interpreter, which is kept from seeing this project."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import RoundtripError
from core.jobs import Jobs
from core.library import Library
from tests.exports.kit_execution import run_kit, run_kits, unpack_kit

# Copies that did not come back when they were tried, for which there is no kit.
REFUSED = {("tips", "h5"), ("tips", "architecture"), ("digits-mixed", "litert")}
DEMOS = ("digits-mlp", "digits-custom", "digits-core", "digits-mixed", "two-in-two-out", "tips")


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("demo", DEMOS)
def test_proof_kits_of_demo_pass_in_every_saved_format(demo: str, jobs: Jobs, saved_all: Callable, tmp_path: Path):
    rows = {key: row["artifact"] for key, row in saved_all(demo).items() if row["state"] == "done"}
    kits, refused = {}, set()
    for key, artifact in rows.items():
        try:
            kits[key] = unpack_kit(jobs.library, artifact, tmp_path / key)
        except RoundtripError:
            refused.add((demo, key))
    assert refused == {item for item in REFUSED if item[0] == demo}
    result = run_kits(kits.values())
    assert {key: ran for key, ran in result.items() if ran.status != 0 or not ran.output.endswith("PASS\n")} == {}
    assert result.keys() == kits.keys()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_proof_kits_of_user_model_with_custom_layer(empty_library: Library, worker, tmp_path: Path):
    """In this process, as in a notebook: with a class of its own, whose code only the person has."""
    import keras
    import numpy as np

    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2

    plain = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2, name="out")])
    own = keras.Sequential([keras.Input((3,), name="x"), Doubled(), keras.layers.Dense(2, name="out")])
    x = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
    formats = ["keras", "weights", "architecture", "safetensors", "saved_model"]
    for added in empty_library.add(plain, x, formats, worker=worker):
        ran = run_kit(unpack_kit(empty_library, added.artifact.id, tmp_path / added.format))
        assert (ran.status, ran.output.splitlines()[-1]) == (0, "PASS"), (added.format, ran.output)
    for added in empty_library.add(own, x, ["keras", "weights"], worker=worker):
        folder = unpack_kit(empty_library, added.artifact.id, tmp_path / f"own-{added.format}")
        assert "put your own classes (Doubled) into `model.py`" in (folder / "README.md").read_text()
        ran = run_kit(folder)
        assert ran.status == 1
        assert "model.py must give the classes Doubled" in ran.output
        code = (folder / "model.py").read_text()
        given = (
            "    import keras\n\n    class Doubled(keras.layers.Layer):\n        def call(self, inputs):\n"
            '            return inputs * 2\n\n    return {"Doubled": Doubled}\n'
        )
        (folder / "model.py").write_text(code[: code.index("    raise SystemExit")] + given)
        assert run_kit(folder).status == 0, added.format

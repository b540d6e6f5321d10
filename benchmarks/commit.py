"""The cost of an atomic commit: saving an artifact into the library, beside Keras' own save."""

from pathlib import Path
from typing import Any

from benchmarks.house import house
from benchmarks.measure import Row, in_turn, seconds
from core.compare import Verdict
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import get_format
from core.library import Library
from core.library.storage import delete_folder, fsync_path

REPEATS = 11
WIDTH = 2048
LAYERS = 5  # 2048 × 2049 float32 each: 84 MB in all


def measure() -> list[Row]:
    """One row: save + hash + fsync + record + rename, beside save + fsync. The evidence is not part of a commit."""
    with house() as jobs:
        model = _big_model()
        left, raw = in_turn(
            REPEATS, lambda: _save(jobs.library, model), lambda: _raw(jobs.library.home / "raw.keras", model)
        )
    label = f"an {4 * model.count_params() / 1e6:.0f} MB Keras model saved into the library"
    return [Row(label, left, raw, "model.save + fsync", at_most=1.3)]


def _big_model() -> Any:
    import keras

    layers = [keras.layers.Dense(WIDTH) for _ in range(LAYERS)]
    return keras.Sequential([keras.Input((WIDTH,)), *layers])


def _save(library: Library, model: Any) -> float:
    evidence = Evidence(without_code=ReloadOutcome(verdict=Verdict.DIFFERENT))

    def keep() -> str:
        with library.staging() as staged:
            folder = staged / "files"
            folder.mkdir()
            took = get_format("keras").save_model(model, "keras", folder).seconds
            return library.commit_artifact(staged, "r0000000000", evidence, format="keras", seconds=took).id

    took = seconds(keep)
    delete_folder(library.home / "artifacts")
    (library.home / "artifacts").mkdir()
    return took


def _raw(path: Path, model: Any) -> float:
    def save() -> None:
        model.save(path)
        fsync_path(path)
        fsync_path(path.parent)

    took = seconds(save)
    path.unlink()
    return took

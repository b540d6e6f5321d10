"""Asks the model in this folder what it was asked when it was saved, and holds its answers against what is expected.

`python verify.py` prints PASS, or how far off the answers are; the exit status is 0 or 1. It needs NumPy, `load.py`
beside it, and what that needs (requirements.txt).
"""

import hashlib
import importlib
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def main(folder=HERE):
    facts = json.loads((folder / "kit.json").read_text(encoding="utf-8"))
    for line in version_notes(facts["versions"]):
        print(line)
    changed = [
        line for name, sha256 in facts["files"].items() if (line := find_file_problem(folder / name, name, sha256))
    ]
    print("\n".join(changed or [f"{len(facts['files'])} files have the SHA-256 that was recorded."]), flush=True)
    if changed and facts["runs_code"]:
        print("FAIL: loading this format runs what is in the file, so a changed file is not loaded.")
        return 1
    try:
        lines, same = compare_predictions(predict(folder), load_arrays(folder / "expected.npz"), facts["tolerance"])
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a library raises, it is a failure
        print(f"FAIL: it did not load, or did not answer: {type(error).__name__}: {error}")
        return 1
    print("\n".join(lines))
    print("PASS" if same and not changed else "FAIL: a file was changed." if same else "FAIL: the answers are others.")
    return 0 if same and not changed else 1


def version_notes(packages):
    """A line for each package of another version than that with which the copy was saved."""
    for name, then in packages.items():
        try:
            now = version(name)
        except PackageNotFoundError:
            continue  # TensorFlow has several names; what is missing fails by itself
        if now != then:
            yield f"Note: {name} {now} is here, and it was saved with {then}."


def find_file_problem(path, name, sha256):
    """What is wrong with a file, in a line; empty where nothing is."""
    if not path.is_file():
        return f"MISSING: {name}"
    with path.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return "" if same else f"CHANGED: {name} does not have the SHA-256 that was recorded."


def load_arrays(path):
    with np.load(path, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept}


def predict(folder):
    """The answers of the model, by name."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.path.insert(0, str(folder))  # python -I leaves the folder of the script out
    return importlib.import_module("load").load()(load_arrays(folder / "inputs.npz"))


def compare_predictions(predictions, expected, tolerance):
    """A line for each output that is expected, and whether all are within their tolerance."""
    found = [compare_output(name, predictions.get(name), want, *tolerance[name]) for name, want in expected.items()]
    return [line for line, _ in found], all(same for _, same in found)


def compare_output(name, prediction, expected, atol, rtol):
    if prediction is None:
        return f"{name}: the model gives no such answer.", False
    prediction = np.asarray(prediction)
    if prediction.shape != expected.shape:
        return f"{name}: answers of shape {prediction.shape} instead of {expected.shape}.", False
    if expected.dtype.kind in "SU":
        other = int((decode_texts(prediction) != expected).sum())
        return f"{name}: {other:,} of {expected.size:,} texts are others.", not other
    return compare_numbers(name, prediction.astype("float64"), expected.astype("float64"), atol, rtol)


def decode_texts(array):
    """Text as Python's own, whether a runtime gave it as bytes or not."""
    return np.vectorize(lambda one: one.decode() if isinstance(one, bytes) else str(one), otypes=["U"])(array)


def compare_numbers(name, prediction, expected, atol, rtol):
    """NaN is expected where NaN is, and an infinity where the same one is."""
    same = (prediction == expected) | (np.isnan(prediction) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(prediction - expected))
        outside = ~(apart <= atol + rtol * np.abs(expected)) & ~same
    most = float(np.nanmax(apart, initial=0.0))
    allowed = f"allowed are {atol:.3g} + {rtol:.3g} · |expected|"
    said = (
        f"{name}: the largest difference is {most:.3g}; {allowed}; {int(outside.sum()):,} of {expected.size:,} "
        f"are beyond."
    )
    return said, not outside.any()


if __name__ == "__main__":
    sys.exit(main())

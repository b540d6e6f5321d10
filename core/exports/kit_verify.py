"""Compare the answers of the model in this folder with those that were expected when it was saved.

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
    expected = load_arrays(folder / "expected.npz")
    try:
        predictions = predict(folder)
        lines, same = compare_predictions(predictions, expected, facts["tolerance"])
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a library raises, it is a failure
        print(f"FAIL: it did not load, or did not answer: {type(error).__name__}: {error}")
        return 1
    elsewhere = [describe_elsewhere(folder, answer, expected, predictions) for answer in facts.get("elsewhere", [])]
    print("\n".join([*lines, *(line for line, _ in elsewhere)]))
    if not all(agrees for _, agrees in elsewhere):
        print("FAIL: what another environment answered is not what was recorded of it.")
        return 1
    print("PASS" if same and not changed else "FAIL: a file was changed." if same else "FAIL: the answers are others.")
    return 0 if same and not changed else 1


def version_notes(packages):
    """Yield a line for each installed package whose version is not the one with which the copy was saved."""
    for name, then in packages.items():
        try:
            now = version(name)
        except PackageNotFoundError:
            continue  # TensorFlow has several names; what is missing fails by itself
        if now != then:
            yield f"Note: {name} {now} is here, and it was saved with {then}."


def find_file_problem(path, name, sha256):
    """Return what is wrong with a file, in a line; empty where nothing is."""
    if not path.is_file():
        return f"MISSING: {name}"
    with path.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return "" if same else f"CHANGED: {name} does not have the SHA-256 that was recorded."


def load_arrays(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive}


def predict(folder):
    """Load the model, and return its answers to `inputs.npz` by name."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.path.insert(0, str(folder))  # python -I leaves the folder of the script out
    return importlib.import_module("load").load()(load_arrays(folder / "inputs.npz"))


def compare_predictions(predictions, expected, tolerance):
    """Return a line for each expected output, and whether all are within their tolerance."""
    results = [compare_output(name, predictions.get(name), want, *tolerance[name]) for name, want in expected.items()]
    return [line for line, _ in results], all(same for _, same in results)


def compare_output(name, prediction, expected, atol, rtol):
    if prediction is None:
        return f"{name}: the model gives no such answer.", False
    prediction = np.asarray(prediction)
    if prediction.shape != expected.shape:
        return f"{name}: answers of shape {prediction.shape} instead of {expected.shape}.", False
    if expected.dtype.kind in "SU":
        changed = int((decode_texts(prediction) != expected).sum())
        return f"{name}: {changed:,} of {expected.size:,} texts are others.", not changed
    return compare_numbers(name, prediction, expected, atol, rtol)


def decode_texts(array):
    """Return an array of str, whether a runtime gave bytes or not."""
    return np.vectorize(decode_text, otypes=["U"])(array)


def decode_text(text):
    return text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else str(text)


def as_reals(*arrays):
    """Return arrays of one type: integers as they are, a complex number as two floats, all others as float64; whole
    numbers of which no type holds both, as uint64 and int64, as those of Python."""
    common = np.result_type(*arrays)
    if common.kind in "iu":
        return [array.astype(common) for array in arrays]
    if common.kind == "c":
        return [array.astype("complex128")[..., None].view("float64") for array in arrays]
    is_mixed = common.kind == "f" and all(array.dtype.kind in "iu" for array in arrays)
    return [array.astype(object if is_mixed else "float64") for array in arrays]


def measure_distance(left, right):
    """Return |left - right| as float64; that of integers is exact where no float holds them."""
    if left.dtype.kind not in "iu":
        return np.abs(left - right).astype("float64")
    return (np.maximum(left, right) - np.minimum(left, right)).view(f"u{left.itemsize}").astype("float64")


def compare_numbers(name, prediction, expected, atol, rtol):
    """Return a line and whether all are within tolerance; NaN matches NaN, an infinity only itself."""
    left, right = as_reals(prediction, expected)
    same = (left == right) | (find_nan(left) & find_nan(right))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, measure_distance(left, right))
        outside = ~(apart <= atol + rtol * np.abs(right).astype("float64")) & ~same
    outside = outside.any(axis=-1) if outside.ndim > expected.ndim else outside  # both parts of a complex number
    most = float(np.nanmax(apart, initial=0.0))
    allowed = f"allowed are {atol:.3g} + {rtol:.3g} · |expected|"
    beyond = f"{int(outside.sum()):,} of {expected.size:,} are beyond"
    return f"{name}: the largest difference is {most:.3g}; {allowed}; {beyond}.", not outside.any()


def find_nan(array):
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)


def describe_elsewhere(folder, answer, expected, predictions):
    """Return a line on what another environment answered, and whether that is as far off as was recorded."""
    packages = ", ".join(f"{name} {number}" for name, number in answer["versions"].items() if number)
    where = f"In {answer['label']} ({packages or 'versions unknown'}; lock {answer['lock'][:12]})"
    if not answer["predictions"]:
        return f"{where} it gave no answers: {answer['error']}", True
    try:
        there = load_arrays(folder / answer["predictions"])
    except Exception as error:  # noqa: BLE001  whatever a changed file makes NumPy raise
        return f"{where} its answers cannot be read: {type(error).__name__}.", False
    if any(array.dtype.kind not in "biufc" for array in there.values()):
        return f"{where} its answers are no numbers, and are not compared here.", True
    off, apart = (find_largest_difference(there, other) for other in (expected, predictions))
    recorded = answer["max_abs"]
    agrees = not isinstance(recorded, (int, float)) or abs(off - recorded) <= 1e-9 + 1e-5 * recorded
    difference = f"the largest difference is {off:.3g} from what is expected, and {apart:.3g} from the answers here"
    return f"{where} {difference}." + ("" if agrees else f" Recorded was {recorded:.3g}."), agrees


def find_largest_difference(predictions, others):
    """Return the largest difference of finite numbers, over all outputs of one shape on both sides."""
    largest = 0.0
    for name, array in predictions.items():
        other = np.asarray(others.get(name, ()))
        if other.shape == array.shape and other.dtype.kind in "biufc":
            with np.errstate(invalid="ignore"):
                apart = measure_distance(*as_reals(array, other))
            largest = max(largest, float(apart[np.isfinite(apart)].max(initial=0.0)))
    return largest


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env bash
# onnxmltools converts an XGBoost forest of several classes, and one of two targets, into another model.
#
# Guess: the ONNX file of an XGBClassifier answers as predict_proba does, whatever num_parallel_tree is.
# Seen on 2026-11-30, onnxmltools 1.16.0, XGBoost 3.2.0, ONNX Runtime 1.32.0, Python 3.11: with three trees in parallel
# and three classes, trees are given to the wrong classes. Two targets come back as two columns of which neither is one
# of them. Objectives whose link is not the identity ("reg:logistic") come without it. Nothing is said.
#   one tree, three classes     1e-07
#   three trees, three classes  0.73 (of probabilities)
#   two targets                 1.1e+02 (of -107 to 107)
#   reg:logistic                2.3 (of 0.08 to 0.93)
# Sound in the same run: one tree a class, and three trees of a regression.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxmltools==1.16.0 xgboost==3.2.0 \
  onnxruntime==1.32.0 onnx==1.22.0 scikit-learn==1.9.1
cd "$folder"
export OMP_NUM_THREADS=1
"$folder/venv/bin/python" - <<'PY' 2> /dev/null
import platform

import numpy as np
import onnxmltools
import onnxruntime
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

print("Python", platform.python_version(), "onnxmltools", onnxmltools.__version__, "XGBoost", xgboost.__version__)
rows = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
target, classes = rows[:, 0] * 3 + 100, np.digitize(rows[:, 0], [-0.5, 0.5])
forest = {"num_parallel_tree": 3, "subsample": 0.7, "random_state": 0}
MODELS = {
    "one tree, three classes": (xgboost.XGBClassifier, {}, classes),
    "three trees, a regression": (xgboost.XGBRegressor, forest, target),
    "three trees, three classes": (xgboost.XGBClassifier, forest, classes),
    "two targets": (xgboost.XGBRegressor, {}, np.stack([target, -target], axis=1)),
    "reg:logistic": (xgboost.XGBRegressor, {"objective": "reg:logistic"}, (classes > 0) * 0.8 + 0.1),
}


def largest_difference(kind, settings, target):
    model = kind(n_estimators=20, n_jobs=1, **settings).fit(rows, target)
    converted = onnxmltools.convert_xgboost(model, initial_types=[("x", FloatTensorType([None, 4]))])
    answers = onnxruntime.InferenceSession(converted.SerializeToString()).run(None, {"x": rows})[-1]
    expected = model.predict_proba(rows) if kind is xgboost.XGBClassifier else model.predict(rows)
    return float(np.abs(answers.reshape(expected.shape) - expected).max())


seen = {name: largest_difference(*model) for name, model in MODELS.items()}
for name, difference in seen.items():
    print(f"{name:28}{difference:.2g}")
assert seen["one tree, three classes"] < 1e-4 and seen["three trees, a regression"] < 1e-2, seen
assert seen["three trees, three classes"] > 0.1 and seen["two targets"] > 10 and seen["reg:logistic"] > 0.5, seen
PY

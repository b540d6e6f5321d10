#!/usr/bin/env bash
# onnxmltools converts LightGBM models without five of their settings, and says nothing.
#
# Guess: what convert_lightgbm cannot express it refuses, as it does objectives that it does not know ("mape", "fair").
# Seen on 2026-11-30, onnxmltools 1.16.0, LightGBM 4.7.0, ONNX Runtime 1.32.0, Python 3.11: these convert and answer
# otherwise (largest difference; the targets are 95 to 105, probabilities 0 to 1):
#   boosting rf            84        the trees are summed and not averaged, from another start
#   reg_sqrt               95        the square of the sum is not taken
#   linear_tree            2.3       the linear models in the leaves are left out
#   sigmoid=2              0.15      the logistic function has slope 1
#   multiclassova          0.19      a softmax joins what are independent classifiers
# Sound in the same run: gbdt, dart, poisson, quantile, missing values.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxmltools==1.16.0 lightgbm==4.7.0 \
  onnxruntime==1.32.0 onnx==1.22.0 scikit-learn==1.9.1
cd "$folder"
export OMP_NUM_THREADS=1
"$folder/venv/bin/python" - <<'PY' 2> /dev/null
import platform

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
from onnxmltools.convert.common.data_types import FloatTensorType

print("Python", platform.python_version(), "onnxmltools", onnxmltools.__version__, "LightGBM", lightgbm.__version__)
random = np.random.default_rng(0)
rows = random.normal(size=(400, 4)).astype("float32")
target, classes = rows[:, 0] * 3 + 100, np.digitize(rows[:, 0], [-0.5, 0.5])
SETTINGS = {
    "gbdt": ({}, target),
    "dart": ({"boosting_type": "dart"}, target),
    "poisson": ({"objective": "poisson"}, target),
    "boosting rf": ({"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, target),
    "reg_sqrt": ({"reg_sqrt": True}, target),
    "linear_tree": ({"linear_tree": True}, target),
    "sigmoid=2": ({"sigmoid": 2.0}, classes > 0),
    "multiclassova": ({"objective": "multiclassova"}, classes),
}


def largest_difference(settings, target):
    is_classifier = target.dtype.kind in "bi"
    kind = lightgbm.LGBMClassifier if is_classifier else lightgbm.LGBMRegressor
    model = kind(n_estimators=20, verbose=-1, n_jobs=1, **settings).fit(rows, target.astype("int64" if is_classifier else "f8"))
    converted = onnxmltools.convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, 4]))], zipmap=False)
    answers = onnxruntime.InferenceSession(converted.SerializeToString()).run(None, {"x": rows})[-1]
    expected = model.predict_proba(rows) if is_classifier else model.predict(rows).reshape(-1, 1)
    return float(np.abs(answers.reshape(expected.shape) - expected).max())


seen = {name: largest_difference(*setting) for name, setting in SETTINGS.items()}
for name, difference in seen.items():
    print(f"{name:16}{difference:.2g}")
assert max(seen[name] for name in ("gbdt", "dart", "poisson")) < 1e-3, seen
assert min(seen["boosting rf"], seen["reg_sqrt"]) > 10 and seen["linear_tree"] > 0.5, seen
assert min(seen["sigmoid=2"], seen["multiclassova"]) > 0.05, seen
PY

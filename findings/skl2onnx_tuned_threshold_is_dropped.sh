#!/usr/bin/env bash
# A scikit-learn classifier with a tuned threshold decides at 0.5 once it is an ONNX file.
#
# Guess: sklearn-onnx, which lists TunedThresholdClassifierCV among its converters, writes the threshold that the
# estimator found (finding it is all that this estimator does), or refuses.
# Seen on 2026-11-29, skl2onnx 1.20.0, scikit-learn 1.9.1, ONNX Runtime 1.32.0, Python 3.11: it converts only the inner
# estimator. No warning, and labels of the estimator as if it had never been tuned.
#   threshold 0.16; rows called positive: scikit-learn 91, ONNX file 21, the estimator without its threshold 21
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import numpy as np
import onnxruntime
import skl2onnx
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV

versions = skl2onnx.__version__, "scikit-learn", sklearn.__version__, "ONNX Runtime", onnxruntime.__version__
print("Python", platform.python_version(), "skl2onnx", *versions)
draws = np.random.default_rng(0)
rows = draws.normal(size=(400, 3)).astype("float32")
labels = (rows[:, 0] + draws.normal(size=400) > 1.5).astype(int)
model = TunedThresholdClassifierCV(LogisticRegression(), scoring="f1").fit(rows, labels)
content = skl2onnx.to_onnx(model, rows[:1]).SerializeToString()
session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
converted = session.run(["label"], {"X": rows})[0]
print("threshold:", round(float(model.best_threshold_), 3))
counts = [int(each.sum()) for each in (model.predict(rows), converted, model.estimator_.predict(rows))]
print("positive rows: scikit-learn", counts[0], "ONNX", counts[1], "without the threshold", counts[2])
assert counts[1] == counts[2] < counts[0] / 2
PY

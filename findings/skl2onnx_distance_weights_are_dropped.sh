#!/usr/bin/env bash
# Nearest neighbours weighted by distance become unweighted in an ONNX file.
#
# Guess: sklearn-onnx, whose page of supported estimators lists KNeighborsRegressor and KNeighborsClassifier, converts
# `weights="distance"` or refuses it (as it does refuse a metric that it does not know).
# Seen on 2026-11-29, skl2onnx 1.20.0, scikit-learn 1.9.1, ONNX Runtime 1.32.0, Python 3.11: the file gives every
# neighbour the same weight, without a warning. Even a training row itself is answered with the mean of its neighbours.
#   two neighbours, at 0 (value 0) and at 3 (value 1); asked at 1, 2.5 and 0:
#   scikit-learn 0.333 0.833 0.0, the ONNX file 0.5 0.5 0.5
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
from sklearn.neighbors import KNeighborsRegressor

versions = skl2onnx.__version__, "scikit-learn", sklearn.__version__, "ONNX Runtime", onnxruntime.__version__
print("Python", platform.python_version(), "skl2onnx", *versions)
rows, questions = np.array([[0.0], [3.0]], "float32"), np.array([[1.0], [2.5], [0.0]], "float32")
model = KNeighborsRegressor(2, weights="distance").fit(rows, [0.0, 1.0])
content = skl2onnx.to_onnx(model, rows[:1]).SerializeToString()
session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
converted = session.run(None, {"X": questions})[0].ravel()
print("scikit-learn:", model.predict(questions).round(3), "ONNX:", converted)
assert np.allclose(model.predict(questions), [1 / 3, 2.5 / 3, 0])
assert np.array_equal(converted, [0.5, 0.5, 0.5])
PY

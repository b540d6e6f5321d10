#!/usr/bin/env bash
# One-vs-rest over a support vector machine answers the opposite of nearly every label once it is an ONNX file.
#
# Guess: two supported estimators, one inside the other, convert to a file that answers the labels of scikit-learn.
# Seen on 2026-11-29, skl2onnx 1.20.0, scikit-learn 1.9.1, ONNX Runtime 1.32.0, Python 3.11: for two classes,
# OneVsRestClassifier(SVC()) is converted without a word and calls nearly all rows positive, OneVsRestClassifier
# (LinearSVC()) agrees with scikit-learn on nearly all rows and not on all.
#   rows called positive of 400: scikit-learn 6, ONNX 393; equal labels: 1 of 400
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform
import warnings

import numpy as np
import onnxruntime
import skl2onnx
import sklearn
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

warnings.filterwarnings("ignore", category=FutureWarning)  # of attributes of SVC that the converter asks for
versions = skl2onnx.__version__, "scikit-learn", sklearn.__version__, "ONNX Runtime", onnxruntime.__version__
print("Python", platform.python_version(), "skl2onnx", *versions)
draws = np.random.default_rng(0)
rows = draws.normal(size=(400, 3)).astype("float32")
labels = (rows[:, 0] + draws.normal(size=400) > 1.5).astype(int)
model = OneVsRestClassifier(SVC()).fit(rows, labels)
content = skl2onnx.to_onnx(model, rows[:1]).SerializeToString()
session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
expected, converted = model.predict(rows), session.run(None, {"X": rows})[0]
equal = int((expected == converted).sum())
print("positive rows: scikit-learn", int(expected.sum()), "ONNX", int(converted.sum()), "- equal labels:", equal)
assert equal < 40
PY

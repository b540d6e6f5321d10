#!/usr/bin/env bash
# Bagging over a classifier without probabilities answers one row per member, and not per row, once it is an ONNX file.
#
# Guess: sklearn-onnx lists BaggingClassifier and LinearSVC among what it converts; one around the other answers the
# labels of scikit-learn, or is refused, as are other estimators inside each other.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11: it is converted
# without a word. Of five members the file answers five rows, whatever number it is asked: the mean is taken over the rows
# and not over the members. With members that give probabilities it is right.
#   five LogisticRegression, 200 rows: 200 answers; five LinearSVC, RidgeClassifier or Perceptron: 5 answers
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 \
  onnxruntime==1.31.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import platform

import numpy as np
import onnx
import onnxruntime
import skl2onnx
import sklearn
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.svm import LinearSVC

print("Python", platform.python_version(), "skl2onnx", skl2onnx.__version__, "scikit-learn", sklearn.__version__)
print("onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
draw = np.random.default_rng(0)
rows = draw.normal(size=(200, 4)).astype("float32")
truth = np.digitize(rows[:, 0], [-0.5, 0.5])
answered = {}
for member in (LogisticRegression(), LinearSVC(), RidgeClassifier(), Perceptron()):
    model = BaggingClassifier(member, n_estimators=5, random_state=0).fit(rows, truth)
    written = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    labels = session.run(None, {session.get_inputs()[0].name: rows})[0]
    name = type(member).__name__
    answered[name] = len(labels)
    print(name, "five of them, asked 200 rows: scikit-learn", len(model.predict(rows)), "answers, ONNX", len(labels))
assert answered == {"LogisticRegression": 200, "LinearSVC": 5, "RidgeClassifier": 5, "Perceptron": 5}, answered
PY

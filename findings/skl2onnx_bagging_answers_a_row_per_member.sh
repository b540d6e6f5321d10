#!/usr/bin/env bash
# Bagging over a classifier without probabilities answers one row per member, and not per row, once it is an ONNX file.
#
# Guess: sklearn-onnx lists BaggingClassifier and LinearSVC among what it converts; one around the other answers the
# labels of scikit-learn, or is refused.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11: it is converted
# without a warning, and of five members answers five rows, whether it is asked 1, 5 or 200:
#   five LogisticRegression (which give probabilities)     1, 5 and 200 answers
#   five LinearSVC, five RidgeClassifier, five Perceptron  5, 5 and 5 answers
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check skl2onnx==1.20.0 scikit-learn==1.9.1 scipy==1.17.1 \
  joblib==1.6.0 threadpoolctl==3.8.0 onnx==1.23.2 protobuf==7.36.2 ml_dtypes==0.6.0 onnxruntime==1.31.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
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
ASKED = (1, 5, 200)
answered = {}
for member in (LogisticRegression(), LinearSVC(), RidgeClassifier(), Perceptron()):
    model = BaggingClassifier(member, n_estimators=5, random_state=0).fit(rows, truth)
    written = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    name = type(member).__name__
    answered[name] = [len(session.run(None, {session.get_inputs()[0].name: rows[:asked]})[0]) for asked in ASKED]
    expected = [len(model.predict(rows[:asked])) for asked in ASKED]
    print(name, "five of them, asked", *ASKED, "rows: scikit-learn", *expected, "answers, ONNX", *answered[name])
assert answered.pop("LogisticRegression") == list(ASKED)
assert set(map(tuple, answered.values())) == {(5, 5, 5)}, answered
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

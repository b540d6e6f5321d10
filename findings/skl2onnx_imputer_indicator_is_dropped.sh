#!/usr/bin/env bash
# The missing-value columns of a scikit-learn imputer are gone in its ONNX file.
#
# Guess: sklearn-onnx converts `SimpleImputer(add_indicator=True)` with its indicator columns, or refuses, as
# it does refuse MissingIndicator on its own.
# Seen on 2026-11-29, skl2onnx 1.20.0, scikit-learn 1.9.1, ONNX Runtime 1.32.0, Python 3.11: no warning, and the file
# has the filled columns only; the declared width is that of the input. A linear model behind it then answers by
# the columns that are left: its other coefficients are read as if they were not there.
#   scikit-learn: 3 rows of 4 columns, ONNX: 3 rows of 2; a logistic regression behind it: 0 1 1, ONNX: 1 1 1
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
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

versions = skl2onnx.__version__, "scikit-learn", sklearn.__version__, "ONNX Runtime", onnxruntime.__version__
print("Python", platform.python_version(), "skl2onnx", *versions)
rows = np.array([[1, np.nan], [3, 4], [np.nan, 6]], "float32")


def run_as_onnx(model):
    content = skl2onnx.to_onnx(model, rows[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": rows})[0]


imputer = SimpleImputer(add_indicator=True).fit(rows)
shapes = imputer.transform(rows).shape, run_as_onnx(imputer).shape
print("imputer: scikit-learn", shapes[0], "ONNX", shapes[1])
pipeline = make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()).fit(rows, [0, 1, 1])
labels = pipeline.predict(rows).tolist(), run_as_onnx(pipeline).tolist()
print("pipeline: scikit-learn", labels[0], "ONNX", labels[1])
assert shapes == ((3, 4), (3, 2))
assert labels == ([0, 1, 1], [1, 1, 1])
PY

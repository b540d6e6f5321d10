#!/usr/bin/env bash
# A decision tree of several labels answers probability 1 for "yes" and for "no" of the same label in an ONNX file.
#
# Guess: sklearn-onnx, which converts a random forest of several labels to the probabilities of scikit-learn, does so for a
# single tree, too.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11: no warning; the
# labels agree on every row, and of the probabilities of two labels:
#   RandomForestClassifier   off by up to 2.7e-07
#   DecisionTreeClassifier   off by up to 0.94; "no" and "yes" of the first label sum to 2 in 282 of 300 rows
#   ExtraTreeClassifier      off by up to 0.83; in 279 of 300 rows
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
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

print("Python", platform.python_version(), "skl2onnx", skl2onnx.__version__, "scikit-learn", sklearn.__version__)
print("onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
draw = np.random.default_rng(0)
rows = draw.normal(size=(300, 4)).astype("float32")
truth = (rows[:, :2] + draw.normal(size=(300, 2)) > 0).astype(int)
off = {}
for kind in (RandomForestClassifier, DecisionTreeClassifier, ExtraTreeClassifier):
    model = kind(max_depth=3, random_state=0).fit(rows, truth)
    written = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, shares = map(np.asarray, session.run(None, {session.get_inputs()[0].name: rows}))
    expected = np.asarray(model.predict_proba(rows))
    assert shares.shape == expected.shape == (2, 300, 2) and (labels == model.predict(rows)).all()
    off[kind.__name__] = float(np.abs(shares - expected).max())
    print(kind.__name__, "off by up to %.2g;" % off[kind.__name__], "first row, first label: scikit-learn", end=" ")
    print(*expected[0, 0].round(3).tolist(), "ONNX", *("%.3f" % share for share in shares[0, 0]), end="; ")
    print("rows that sum to 2: %d of 300" % np.isclose(shares[0].sum(1), 2).sum())
assert off["RandomForestClassifier"] < 1e-4 and min(off["DecisionTreeClassifier"], off["ExtraTreeClassifier"]) > 0.3, off
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

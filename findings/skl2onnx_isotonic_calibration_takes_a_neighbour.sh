#!/usr/bin/env bash
# Isotonic calibration answers with the nearest stored point of its curve, and not between points, in an ONNX file.
#
# Guess: sklearn-onnx, which lists CalibratedClassifierCV and has a branch of its own for method="isotonic", draws the
# same line between two points of the curve as scikit-learn does; method="sigmoid" comes right to 1e-6.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11: no warning.
# The file takes the nearest stored point of each member's curve (to 1e-6) where scikit-learn draws a line between two:
#   sigmoid    off by up to 4.6e-07
#   isotonic   off by up to 0.098 (one row: scikit-learn 0.736, ONNX 0.833), other labels for 1 of 1000 rows
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
from sklearn.calibration import CalibratedClassifierCV
from sklearn.naive_bayes import GaussianNB

print("Python", platform.python_version(), "skl2onnx", skl2onnx.__version__, "scikit-learn", sklearn.__version__)
print("onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
draw = np.random.default_rng(0)
rows = draw.normal(size=(400, 3)).astype("float32")
truth = (rows.sum(1) + draw.normal(size=400) > 0).astype(int)
fresh = draw.normal(size=(1000, 3)).astype("float32")


def take_nearest(model):
    """The shares of the second class if each member takes the nearest stored point of its curve."""
    shares = []
    for member in model.calibrated_classifiers_:
        (curve,) = member.calibrators
        distances = np.abs(member.estimator.predict_proba(fresh)[:, 1:] - curve.X_thresholds_)
        shares.append(curve.y_thresholds_[distances.argmin(1)])
    return np.mean(shares, 0)


off = {}
for method in ("sigmoid", "isotonic"):
    model = CalibratedClassifierCV(GaussianNB(), method=method, cv=2).fit(rows, truth)
    written = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, shares = session.run(None, {session.get_inputs()[0].name: fresh})
    expected = model.predict_proba(fresh)
    off[method] = float(np.abs(shares - expected).max())
    worst = np.abs(shares - expected)[:, 1].argmax()
    print(method, "off by up to %.2g, mean %.2g" % (off[method], np.abs(shares - expected).mean()), end="; ")
    print("one row: scikit-learn %.3f, ONNX %.3f" % (expected[worst, 1], shares[worst, 1]), end="; ")
    print("other labels:", int((labels != model.predict(fresh)).sum()), "of 1000")
nearest = np.abs(shares[:, 1] - take_nearest(model))
print("isotonic beside the nearest stored points: off by up to %.2g" % nearest.max())
assert nearest.max() < 1e-6, nearest.max()
assert off["sigmoid"] < 1e-4 and off["isotonic"] > 0.05, off
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

#!/usr/bin/env bash
# Linear discriminant analysis of two classes answers the probabilities of twice its score in an ONNX file.
#
# Guess: sklearn-onnx converts LinearDiscriminantAnalysis to the same probabilities for two classes as it does for three
# (1e-7), where its labels agree on every row.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11, no warning, with
# each of the three solvers:
#   three classes   labels equal, probabilities off by up to 1.3e-07
#   two classes     labels equal, probabilities off by up to 0.15: one of 0.743 is 0.893
# What is written is a softmax over minus the score and the score, which is the logistic function of twice the score.
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
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

print("Python", platform.python_version(), "skl2onnx", skl2onnx.__version__, "scikit-learn", sklearn.__version__)
print("onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
draw = np.random.default_rng(0)
rows = draw.normal(size=(500, 4)).astype("float32")
score = rows[:, 0] + draw.normal(size=500)
for classes, limits in ((3, [-0.5, 0.5]), (2, [0])):
    truth = np.digitize(score, limits)
    for solver in ("svd", "lsqr", "eigen"):
        model = LinearDiscriminantAnalysis(solver=solver).fit(rows, truth)
        written = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
        session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
        labels, shares = session.run(None, {session.get_inputs()[0].name: rows})
        expected = model.predict_proba(rows)
        off = np.abs(shares - expected)
        print(classes, "classes,", solver, "other labels:", int((labels != model.predict(rows)).sum()), end=" ")
        print("probabilities off by up to %.2g:" % off.max(), end=" ")
        print("scikit-learn %.3f, ONNX %.3f" % (expected.flat[off.argmax()], shares.flat[off.argmax()]))
        assert (labels == model.predict(rows)).all()
        if classes == 3:
            assert off.max() < 1e-4
        else:
            twice = 1 / (1 + np.exp(-2 * model.decision_function(rows)))
            assert np.abs(shares[:, 1] - twice).max() < 1e-5 and off.max() > 0.1, "sklearn-onnx has changed"
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

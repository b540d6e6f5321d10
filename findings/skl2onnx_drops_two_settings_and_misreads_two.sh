#!/usr/bin/env bash
# sklearn-onnx drops a setting of MaxAbsScaler and one of OrdinalEncoder, and computes two others otherwise.
#
# Guess: sklearn-onnx refuses the settings that it does not know.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11, no warning.
# Dropped:
#   MaxAbsScaler(clip=True)                    scikit-learn -1 0.5 1          ONNX -2 0.5 3
#   OrdinalEncoder(encoded_missing_value=-2)   scikit-learn 0 1 -2            ONNX 0 1 -1
# Computed otherwise:
#   Normalizer("max") of -8 2 and 3 4          scikit-learn -1 0.25 0.75 1    ONNX -4 1 0.75 1 (divided by the largest
#                                              number, and not by the largest magnitude)
#   SGDClassifier("modified_huber")            other labels for 47 of 400 rows, in three classes: those of the largest
#                                              probability, not of the decision function
# Sound in the same run: MinMaxScaler(clip=True), SGDClassifier("log_loss").
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
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, OrdinalEncoder

print("Python", platform.python_version(), "skl2onnx", skl2onnx.__version__, "scikit-learn", sklearn.__version__)
print("onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)


def ask(model, rows, **options):
    written = skl2onnx.to_onnx(model, rows[:1], **options)
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: rows})


small = np.array([[-1.0], [2.0]], "float32")
large = np.array([[-4.0], [1.0], [6.0]], "float32")
codes = np.array([[0.0], [1.0], [np.nan]], "float32")
signs = np.array([[-8.0, 2.0], [3.0, 4.0]], "float32")
seen = {}
for name, model, rows in [
    ("MinMaxScaler(clip=True)", MinMaxScaler(clip=True).fit(small), large),
    ("MaxAbsScaler(clip=True)", MaxAbsScaler(clip=True).fit(small), large),
    ("OrdinalEncoder(encoded_missing_value=-2)", OrdinalEncoder(encoded_missing_value=-2).fit(codes), codes),
    ("Normalizer('max')", Normalizer("max").fit(signs), signs),
]:
    answers = model.transform(rows), ask(model, rows)[0]
    seen[name] = tuple(answer.ravel().astype("float64").round(3).tolist() for answer in answers)
    print(name, "scikit-learn", *seen[name][0], "ONNX", *seen[name][1])
draw = np.random.default_rng(0)
rows = draw.normal(size=(400, 4)).astype("float32")
truth = np.digitize(rows[:, 0] + draw.normal(size=400), [-0.5, 0.5])
for loss in ("log_loss", "modified_huber"):
    model = SGDClassifier(loss=loss, random_state=0).fit(rows, truth)
    labels, shares = ask(model, rows, options={"zipmap": False})
    assert (labels == shares.argmax(1)).all() and (model.predict(rows) == model.decision_function(rows).argmax(1)).all()
    seen[loss] = int((labels != model.predict(rows)).sum())
    print("SGDClassifier(%r)" % loss, "other labels:", seen[loss], "of 400")
assert seen.pop("MinMaxScaler(clip=True)") == ([0.0, 0.667, 1.0], [0.0, 0.667, 1.0])
assert seen.pop("MaxAbsScaler(clip=True)") == ([-1.0, 0.5, 1.0], [-2.0, 0.5, 3.0])
assert seen.pop("OrdinalEncoder(encoded_missing_value=-2)") == ([0.0, 1.0, -2.0], [0.0, 1.0, -1.0])
assert seen.pop("Normalizer('max')") == ([-1.0, 0.25, 0.75, 1.0], [-4.0, 1.0, 0.75, 1.0])
assert seen["log_loss"] == 0 and seen["modified_huber"] > 20, seen
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

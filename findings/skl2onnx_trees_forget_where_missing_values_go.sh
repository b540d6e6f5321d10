#!/usr/bin/env bash
# Decision trees and forests that learnt from missing values send them the other way in an ONNX file.
#
# Guess: scikit-learn's trees take NaN since 1.3, and ONNX's tree operator has an attribute for where NaN goes, which
# sklearn-onnx fills; so an ONNX file answers rows with a missing value as scikit-learn does, or is refused.
# Seen on 2026-12-01, skl2onnx 1.20.0, scikit-learn 1.9.1, onnx 1.23.2, ONNX Runtime 1.31.1, Python 3.11: no warning.
# Each node is written as one that sends NaN to the right, also where the fitted tree has `missing_go_to_left`. Where a
# missing value speaks for the class on the left side, rows with one are nearly all answered otherwise:
#   DecisionTreeClassifier   119 of 119 rows with a missing value, 0 of the others
#   RandomForestClassifier   119 of 119, 0
#   ExtraTreesClassifier     115 of 119, 0
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
from onnx import helper
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

print("Python", platform.python_version(), "skl2onnx", skl2onnx.__version__, "scikit-learn", sklearn.__version__)
print("onnx", onnx.__version__, "ONNX Runtime", onnxruntime.__version__)
draw = np.random.default_rng(0)
rows = draw.normal(size=(400, 3)).astype("float32")
truth = (rows[:, 0] > 0).astype(int)
rows[(truth == 0) & (draw.random(400) < 0.5), 0] = np.nan
missing = np.isnan(rows[:, 0])


def ask(model):
    written = skl2onnx.to_onnx(model.fit(rows, truth), rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    told = [
        sum(helper.get_attribute_value(attribute))
        for node in written.graph.node
        for attribute in node.attribute
        if attribute.name == "nodes_missing_value_tracks_true"
    ]
    return session.run(None, {session.get_inputs()[0].name: rows})[0], told


wrong = {}
for model in (DecisionTreeClassifier(random_state=0), RandomForestClassifier(20, random_state=0), ExtraTreesClassifier(20, random_state=0)):
    labels, told = ask(model)
    differ = labels != model.predict(rows)
    wrong[type(model).__name__] = int(differ[missing].sum()), int(differ[~missing].sum())
    print(type(model).__name__, "other labels: %d" % differ[missing].sum(), "of %d rows with a missing value," % missing.sum(),
          "%d of the others;" % differ[~missing].sum(), "nodes of the file that send NaN left:", *told)
    assert told == [0], told
assert all(lost > 100 and others == 0 for lost, others in wrong.values()), wrong
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

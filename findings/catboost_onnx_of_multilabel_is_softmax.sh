#!/usr/bin/env bash
# CatBoost's own ONNX file turns independent labels into rivals.
#
# Guess: `save_model(format="onnx")` of a multi-label classifier, which CatBoost writes without a word, gives the
# probabilities of `predict_proba`.
# Seen on 2026-11-29, CatBoost 1.2.10, ONNX Runtime 1.32.0, Python 3.11: the scores are joined by a softmax. Two labels
# that are both at 0.93 become 0.50 each, and the label output names one class where `predict` names two.
#   row 3: predict_proba 0.931 0.930, ONNX 0.504 0.496
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import catboost
import numpy as np
import onnxruntime

versions = catboost.__version__, "ONNX Runtime", onnxruntime.__version__
print("Python", platform.python_version(), "CatBoost", *versions)
rows = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
labels = np.stack([rows[:, 0] > 0, rows[:, 1] > 0], axis=1).astype(int)
settings = {"iterations": 50, "loss_function": "MultiLogloss", "verbose": 0, "allow_writing_files": False}
model = catboost.CatBoostClassifier(**settings, random_seed=0, thread_count=1).fit(rows, labels)
model.save_model("model.onnx", format="onnx")
names, converted = onnxruntime.InferenceSession("model.onnx").run(None, {"features": rows})
converted = np.array([[row[0], row[1]] for row in converted])
expected = model.predict_proba(rows)
print("predict_proba:", expected[2].round(3), "predict:", model.predict(rows)[2])
print("ONNX:", converted[2].round(3), "label:", names[2])
print("largest sum of a row:", expected.sum(axis=1).max().round(3), "ONNX:", converted.sum(axis=1).max().round(3))
both = (expected > 0.9).all(axis=1)
assert both.any() and (converted[both].max(axis=1) < 0.8).all()
assert np.allclose(converted.sum(axis=1), 1, atol=1e-5) and expected.sum(axis=1).max() > 1.8
PY

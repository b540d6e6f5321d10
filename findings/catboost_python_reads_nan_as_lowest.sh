#!/usr/bin/env bash
# CatBoost's export as Python answers a missing value as the lowest one, also where the model takes it for the highest.
#
# Guess: save_model(format="python"), which writes the borders of every feature, knows nan_mode, or refuses it: the
# ONNX file of the same model answers right.
# Seen on 2026-11-30, CatBoost 1.2.10, ONNX Runtime 1.32.0, Python 3.11: of nan_mode="Max" the file has the border
# 3.4e38 and asks whether the value is greater; NaN never is. One split on "is it missing", 9 if it is and 0 if not:
#   nan_mode Min   NaN: CatBoost 8.626, ONNX 8.626, the Python file 8.626
#   nan_mode Max   NaN: CatBoost 9, ONNX 9, the Python file 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> /dev/null
import importlib
import platform

import catboost
import numpy as np
import onnxruntime

print("Python", platform.python_version(), "CatBoost", catboost.__version__, "ONNX Runtime", onnxruntime.__version__)
rows = np.random.default_rng(0).normal(size=(900, 1)).astype("float32")
rows[::3] = np.nan
truth = np.where(np.isnan(rows[:, 0]), 9.0, 0.0)
settings = {"iterations": 1, "learning_rate": 1, "depth": 1, "l2_leaf_reg": 0, "boost_from_average": False}
question = np.array([[np.nan]], "float32")
answers = {}
for mode in ("Min", "Max"):
    model = catboost.CatBoostRegressor(**settings, nan_mode=mode, verbose=False, allow_writing_files=False)
    model.fit(rows, truth)
    model.save_model(f"exported_{mode}.py", format="python")
    model.save_model("m.onnx", format="onnx")
    session = onnxruntime.InferenceSession("m.onnx")
    converted = float(session.run(None, {"features": question})[0].ravel()[0])
    exported = importlib.import_module(f"exported_{mode}").apply_catboost_model([float("nan")])
    answers[mode] = [round(number, 3) for number in (float(model.predict(question)[0]), converted, exported)]
    print("nan_mode", mode, "CatBoost, ONNX, Python file:", answers[mode])
assert len(set(answers["Min"])) == 1 and answers["Min"][0] > 8
assert answers["Max"][0] == answers["Max"][1] > 8 and answers["Max"][2] == 0
PY

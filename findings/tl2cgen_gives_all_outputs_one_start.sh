#!/usr/bin/env bash
# tl2cgen compiles an XGBoost model of several outputs so that all of them start where the first does.
#
# Guess: a model that treelite reads and answers right is compiled right by tl2cgen, the compiler that treelite names.
# Seen on 2026-11-30, tl2cgen 1.0.0, treelite 4.8.1, XGBoost 3.2.0, Python 3.11: XGBoost 3 gives each output a base score
# of its own, treelite keeps them, and in the compiled library the first serves all. It prints only that the model comes
# from a newer treelite than the one inside it, as it does for models that it compiles right.
#   two targets, the second ten higher   XGBoost 0.09 10.09, treelite 0.09 10.09, compiled 0.09 0.09
#   quantiles 0.1 and 0.9                XGBoost 4.14 5.79, treelite the same, compiled 4.14 3.27
#   two labels                           XGBoost 0.88 0.04, treelite the same, compiled 0.88 0.15
#   one target, three classes            all the same
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v gcc > /dev/null || { echo "this needs gcc"; exit 1; }
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tl2cgen==1.0.0 treelite==4.8.1 xgboost==3.2.0 \
  scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> /dev/null
import platform
from importlib.metadata import version

import numpy as np
import tl2cgen
import treelite
import xgboost

names = ("tl2cgen", "treelite", "xgboost")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
rows = np.random.default_rng(0).normal(size=(300, 2)).astype("float32")
first = rows[:, 0]
settings = {"n_estimators": 5, "n_jobs": 1}
quantiles = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]}
Classifier, Regressor = xgboost.XGBClassifier, xgboost.XGBRegressor
CASES = {
    "one target": (Regressor(**settings), first + 10),
    "three classes": (Classifier(**settings), np.digitize(first, [-1, 0.2])),
    "two targets": (Regressor(**settings), np.c_[first, first + 10]),
    "quantiles": (Regressor(**quantiles, **settings), first + 5),
    "two labels": (Classifier(**settings), np.c_[first > 0, first > 1].astype(int)),
}


def measure(name, model, target):
    model.fit(rows, target)
    read = treelite.frontend.from_xgboost(model.get_booster())
    path = "./" + name.replace(" ", "_") + ".so"
    tl2cgen.export_lib(read, toolchain="gcc", libpath=path, params={}, verbose=False)
    expected = model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)
    interpreted = treelite.gtil.predict(read, rows).reshape(expected.shape)
    compiled = tl2cgen.Predictor(path).predict(tl2cgen.DMatrix(rows)).reshape(expected.shape)
    print(f"{name}: XGBoost {expected[0].round(2)} treelite {interpreted[0].round(2)} compiled {compiled[0].round(2)}")
    return float(np.abs(interpreted - expected).max()), float(np.abs(compiled - expected).max())


seen = {name: measure(name, *case) for name, case in CASES.items()}
assert all(interpreted < 1e-4 for interpreted, _ in seen.values()), seen
assert all(seen[name][1] < 1e-4 for name in ("one target", "three classes")), seen
assert all(seen[name][1] > 0.1 for name in ("two targets", "quantiles", "two labels")), seen
PY

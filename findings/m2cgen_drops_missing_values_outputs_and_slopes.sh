#!/usr/bin/env bash
# m2cgen writes trees without the way of missing values, one of two outputs, and LightGBM's linear leaves as constants.
#
# Guess: m2cgen refuses what it cannot write, as it does a tree of two labels and a LightGBM model with categories.
# Seen on 2026-12-01, m2cgen 0.10.0, scikit-learn 1.9.1, LightGBM 4.7.0, XGBoost 3.2.0, NumPy 2.4.6, Python 3.11, no
# error and no warning, exported to Python and run:
#   a tree of one split that sends missing values left     scikit-learn 9 9 9 0, m2cgen 0 0 9 0
#   a tree of two targets, the second 100 higher           scikit-learn two numbers a row, m2cgen the first
#   LightGBM, linear_tree=True                             off by up to 6 (of -2.1 to 8.7)
#   an XGBoost regression                                  its code raises NameError for a bare "nan", which stands where
#                                                          base_score belongs (no number unless it was set); with nan
#                                                          defined, NaN for every row
#   the same with base_score=0.5                           right for 300 new rows; of those trained on, which lie on splits,
#                                                          14 go the other way, unless they are rounded to float32 first
# lleaves 1.3.0, which compiles LightGBM's files, leaves out linear leaves as well.
# Sound in the same run: a tree without missing values, LightGBM with them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check m2cgen==0.10.0 scikit-learn==1.9.1 lightgbm==4.7.0 \
  xgboost==3.2.0 lleaves==1.3.0 llvmlite==0.43.0 numpy==2.4.6
cd "$folder"
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W error::UserWarning - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform
from importlib.metadata import version

import lightgbm
import lleaves
import m2cgen
import numpy as np
import xgboost
from sklearn.tree import DecisionTreeRegressor

names = ("m2cgen", "scikit-learn", "lightgbm", "xgboost", "lleaves", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
rows = np.random.default_rng(0).normal(size=(300, 2))
target = rows[:, 0] + rows[:, 1] ** 2
gaps = np.where(np.random.default_rng(1).random(rows.shape) < 0.2, np.nan, rows)
LIGHTGBM = {"n_estimators": 10, "n_jobs": 1, "verbose": -1}


def ask_export(model, rows, **names):
    exec(m2cgen.export_to_python(model), names)
    return np.array([names["score"](row.tolist()) for row in rows])


def difference(name, model, rows, target):
    model.fit(rows, target)
    expected, answered = model.predict(rows), ask_export(model, rows)
    off = float(np.abs(expected - answered).max())
    print(f"{name}: off by {off:.2g}, of {expected.min():.2g} to {expected.max():.2g}")
    return off


assert difference("a tree", DecisionTreeRegressor(max_depth=4), rows, target) < 1e-9
assert difference("LightGBM with missing values", lightgbm.LGBMRegressor(**LIGHTGBM), gaps, target) < 1e-9
assert difference("LightGBM with linear leaves", lightgbm.LGBMRegressor(linear_tree=True, **LIGHTGBM), rows, target) > 1

boosted = xgboost.XGBRegressor(n_estimators=5, n_jobs=1).fit(rows, target)
assert boosted.base_score is None and np.isfinite(boosted.predict(rows)).all()
try:
    ask_export(boosted, rows)
except NameError as error:
    print("XGBoost: NameError:", error)
    assert error.name == "nan"
else:
    raise SystemExit("XGBoost: this has changed")
assert np.isnan(ask_export(boosted, rows, nan=np.nan)).all()
told = xgboost.XGBRegressor(n_estimators=5, n_jobs=1, base_score=0.5).fit(rows, target)
counts, rounded = [], np.array([[float(str(number)) for number in row] for row in rows.astype("float32")])
kinds = {"new rows": np.random.default_rng(2).normal(size=(300, 2)), "rows trained on": rows, "the same, rounded": rounded}
for kind, asked in kinds.items():
    counts.append(int((np.abs(ask_export(told, asked) - told.predict(asked)) > 1e-5).sum()))
    print(f"XGBoost with its base_score set, {kind}: {counts[-1]} of 300 differ")
assert counts[0] == counts[2] == 0 and 5 < counts[1] < 50, counts

missing = np.array([[np.nan], [np.nan], [1], [2]])
tree = DecisionTreeRegressor().fit(missing, [9, 9, 9, 0])
print("missing values: scikit-learn", tree.predict(missing), "m2cgen", ask_export(tree, missing))
assert tree.predict(missing).tolist() == [9, 9, 9, 0] and ask_export(tree, missing).tolist() == [0, 0, 9, 0]

two = DecisionTreeRegressor(max_depth=3).fit(rows, np.c_[target, target + 100])
print("two targets: scikit-learn", two.predict(rows[:1]), "m2cgen", ask_export(two, rows[:1]))
assert two.predict(rows).shape == (300, 2) and np.allclose(ask_export(two, rows), two.predict(rows)[:, 0])

linear = lightgbm.train({"linear_tree": True, "verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, target), 10)
linear.save_model("linear.txt")
read, compiled = lightgbm.Booster(model_file="linear.txt"), lleaves.Model("linear.txt")
compiled.compile()
off = np.abs(compiled.predict(rows, n_jobs=1) - linear.predict(rows)).max()
print(f"lleaves, linear leaves: off by {off:.2g}; LightGBM reads its file right")
assert np.allclose(read.predict(rows), linear.predict(rows)) and off > 1, off
PY
if grep -qi warn stderr; then cat stderr; echo "it warns now"; exit 1; fi

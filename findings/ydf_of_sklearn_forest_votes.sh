#!/usr/bin/env bash
# YDF's copy of a scikit-learn forest votes where the forest averages, and forgets where missing values go.
#
# Guess: ydf.from_sklearn gives "a YDF model that emulates the provided scikit-learn model", as its documentation says,
# or refuses the model, as it does refuse GradientBoostingClassifier.
# Seen on 2026-12-01, YDF 0.16.1, scikit-learn 1.9.1, NumPy 2.4.6, Python 3.11, no error and no warning:
#   a classifier of one split       scikit-learn 0 0.67, YDF 0 1: each leaf answers its most frequent class alone
#   a forest of three classes       probabilities off by up to 0.39, another class for 21 of 500 rows
#   a tree that asks "is it missing" (9 if so, 0 if not): scikit-learn 9 9 0 0, YDF 0 0 0 0
# Sound in the same run: forests of a regression without missing values, to 1e-5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ydf==0.16.1 scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PY' > output 2>&1 || { cat output; exit 1; }
import platform
from importlib.metadata import version

import numpy as np
import ydf
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

names = ("ydf", "scikit-learn", "numpy")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))

steps = np.arange(8.0)[:, None]
tree = DecisionTreeClassifier(max_depth=1).fit(steps, [0, 0, 1, 0, 1, 1, 1, 0])
expected, answered = tree.predict_proba(steps)[:, 1], ydf.from_sklearn(tree).predict({"features": steps})
print("one split: scikit-learn", expected.round(2), "YDF", answered)
assert np.allclose(expected, [0, 0, *[2 / 3] * 6]) and answered.tolist() == [0, 0, *[1] * 6], answered

rows = np.random.default_rng(0).normal(size=(500, 4))
score = rows[:, 0] + rows[:, 1] ** 2
forest = RandomForestClassifier(25, max_depth=2, random_state=0).fit(rows, np.digitize(score, [0, 1]))
copy = ydf.from_sklearn(forest)
off = np.abs(copy.predict({"features": rows}) - forest.predict_proba(rows)).max()
others = int((np.array(copy.predict_class({"features": rows})).astype(int) != forest.predict(rows)).sum())
print(f"three classes: off by {off:.2g}, another class for {others} of 500 rows")
assert 0.3 < off < 0.5 and 15 < others < 30, (off, others)

regression = RandomForestRegressor(25, max_depth=4, random_state=0).fit(rows, score)
off = np.abs(ydf.from_sklearn(regression).predict({"features": rows}) - regression.predict(rows)).max()
print(f"a regression: off by {off:.2g}")
assert off < 1e-5, off

gaps = np.array([[np.nan], [np.nan], [1], [2], [3], [4]])
tree = DecisionTreeRegressor().fit(gaps, [9, 9, 0, 0, 0, 0])
expected, answered = tree.predict(gaps), ydf.from_sklearn(tree).predict({"features": gaps})
print("missing values: scikit-learn", expected, "YDF", answered)
assert expected.tolist() == [9, 9, 0, 0, 0, 0] and answered.tolist() == [0] * 6, answered
PY
cat output
if grep -qi warn output; then echo "it warns now"; exit 1; fi

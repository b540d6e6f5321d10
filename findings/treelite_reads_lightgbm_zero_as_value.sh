#!/usr/bin/env bash
# A LightGBM model that takes zero for missing answers otherwise in treelite.
#
# Guess: treelite, which reads the text of a LightGBM model, reads the kind of missing value that stands in each node
# (`decision_type` has bits for none, zero and NaN), or refuses it, as it does refuse linear trees.
# Seen on 2026-11-29, treelite 4.8.1, LightGBM 4.7.0, Python 3.11: no error; zero is compared like any other number. The
# same model without `zero_as_missing` is answered alike.
#   asked at 0, 1, 2, 3: LightGBM 2 1 2 3, treelite 1 1 2 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check treelite==4.8.1 lightgbm==4.7.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import lightgbm
import numpy as np
import treelite

print("Python", platform.python_version(), "treelite", treelite.__version__, "LightGBM", lightgbm.__version__)
rows, truth = np.array([[0.0], [1.0], [2.0], [3.0]] * 20), np.array([2.0, 1.0, 2.0, 3.0] * 20)
settings = {"min_data_in_leaf": 1, "min_data_in_bin": 1, "learning_rate": 1, "boost_from_average": False}
answers = {}
for zero_as_missing in (False, True):
    parameters = {**settings, "objective": "regression", "verbose": -1, "zero_as_missing": zero_as_missing}
    model = lightgbm.train(parameters, lightgbm.Dataset(rows, truth), 5)
    read = treelite.gtil.predict(treelite.frontend.from_lightgbm(model), rows[:4]).ravel()
    answers[zero_as_missing] = model.predict(rows[:4]).round(2).tolist(), read.round(2).tolist()
    print("zero_as_missing:", zero_as_missing, "LightGBM", answers[zero_as_missing][0], "treelite", read.round(2))
assert answers[False] == ([2, 1, 2, 3], [2, 1, 2, 3])
assert answers[True] == ([2, 1, 2, 3], [1, 1, 2, 3])
PY

#!/usr/bin/env bash
# XGBoost trains on, and answers, other numbers than those of an array of big-endian bytes.
#
# Guess: an array read from FITS, IDX, NetCDF or HDF5 files, whose bytes often lie the other way round, is converted, as
# LightGBM does, or refused.
# Seen on 2026-12-01, XGBoost 3.2.0, LightGBM 4.7.0, NumPy 2.4.6, Python 3.11, x86-64, targets from -11 to 9.3, no warning:
#   asked with float32 or int32 whose bytes are turned   XGBoost off by more than 5, LightGBM by 0
#   trained on them                                      XGBoost off by more than 5, LightGBM by 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 lightgbm==4.7.0 scikit-learn==1.9.1 \
  scipy==1.17.1 joblib==1.6.0 threadpoolctl==3.8.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2> stderr || { cat stderr; exit 1; }
import platform

import lightgbm
import numpy as np
import sklearn
import xgboost

print("Python", platform.python_version(), "XGBoost", xgboost.__version__, "LightGBM", lightgbm.__version__, end=" ")
print("scikit-learn", sklearn.__version__, "NumPy", np.__version__)
draw = np.random.default_rng(0)
rows = (100 * draw.normal(size=(500, 3))).round()
targets = rows @ [0.03, 0.01, 0.0]
models = {
    "XGBoost": lambda: xgboost.XGBRegressor(n_estimators=20, n_jobs=1),
    "LightGBM": lambda: lightgbm.LGBMRegressor(n_estimators=20, n_jobs=1, verbose=-1),
}
off = {}
for name, make in models.items():
    for kind in ("f4", "i4"):
        plain, turned = rows.astype("<" + kind), rows.astype(">" + kind)
        assert (plain == turned).all()
        model = make().fit(plain, targets)
        expected = model.predict(plain)
        answered = np.abs(model.predict(turned) - expected).max()
        trained = np.abs(make().fit(turned, targets).predict(plain) - expected).max()
        off[name, kind] = float(answered), float(trained)
        print(name, kind, "asked with turned bytes: off by %.2g; trained on them: off by %.2g" % off[name, kind])
print("targets from %.1f to %.1f" % (targets.min(), targets.max()))
assert all(max(off["LightGBM", kind]) < 1e-3 for kind in ("f4", "i4")), off
assert all(min(off["XGBoost", kind]) > 5 for kind in ("f4", "i4")), "XGBoost has changed"
PY
cat stderr
[[ ! -s stderr ]] || { echo "it warns now"; exit 1; }

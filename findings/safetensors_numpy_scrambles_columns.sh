#!/usr/bin/env bash
# safetensors writes a NumPy array that lies by columns in another order of numbers, and says nothing.
#
# Guess: what PyTorch's side of the library refuses with a message (not contiguous), NumPy's side refuses or copies, as
# safetensors 0.7.0 does; its page asks for contiguous arrays, and one by columns is.
# Seen on 2026-11-30, safetensors 0.8.0 and 0.7.0, scikit-learn 1.9.1, NumPy 2.4.6, Python 3.11 (reported to its authors
# by others, as issue 825 of safetensors; 0.8.0 is the newest release on that day):
#   0 1 2 / 3 4 5 by columns            0.7.0: 0 1 2 / 3 4 5   0.8.0: 0 3 1 / 4 2 5
#   components_ of scikit-learn's PCA   0.7.0: the same        0.8.0: other numbers, of the same shape
# No error, no warning. Such arrays come from a transpose, from scikit-learn's decompositions, from R and MATLAB files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 scikit-learn==1.9.1 numpy==2.4.6
cat > "$folder/ask.py" <<'PY'
import platform
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA

names = ("safetensors", "scikit-learn")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
by_columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
components = PCA(3, svd_solver="full").fit(np.random.default_rng(0).normal(size=(50, 6))).components_
print("components_ by columns:", components.flags.f_contiguous)
save_file({"small": by_columns, "components": components}, "m.safetensors")
loaded = load_file("m.safetensors")
print(by_columns.tolist(), "->", loaded["small"].tolist())
is_same = [np.array_equal(loaded["small"], by_columns), np.array_equal(loaded["components"], components)]
print("the same numbers, small and components_:", *is_same)
assert is_same == [version("safetensors") == "0.7.0"] * 2
PY
cd "$folder"
"$folder/venv/bin/python" -W error ask.py
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.7.0
"$folder/venv/bin/python" -W error ask.py

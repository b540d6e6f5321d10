#!/usr/bin/env bash
# Flax's msgpack gives back other numbers for an array of big-endian bytes.
#
# Guess: `to_bytes` then `from_bytes` keeps the numbers of any NumPy array that it accepts; a byte order that it cannot
# write is refused or turned round (arrays read from IDX, FITS or HDF5 files are often big-endian).
# Seen on 2026-11-29, Flax 0.12.8, JAX 0.10.2, Python 3.11: the bytes are written as they lie in memory and the dtype
# by its name, which has no byte order. No error.
#   >i4 1 2 -> int32 16777216 33554432; >f4 1 2 -> float32 4.6e-41 9e-44
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 msgpack==1.2.4
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import platform

import flax
import numpy as np
from flax import serialization

print("Python", platform.python_version(), "Flax", flax.__version__)
for kind in (">i4", ">f4", "<i4"):
    values = {"weights": np.array([1, 2], kind)}
    restored = serialization.from_bytes(values, serialization.to_bytes(values))["weights"]
    print(kind, values["weights"], "->", restored.dtype, restored)
    assert np.array_equal(restored, values["weights"]) == (kind == "<i4")
    if kind == ">i4":
        assert restored.tolist() == [1 << 24, 2 << 24]
PY

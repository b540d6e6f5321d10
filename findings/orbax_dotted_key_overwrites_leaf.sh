#!/usr/bin/env bash
# Two leaves of an Orbax checkpoint share one place on disk, and one of them comes back with the other's values.
#
# Guess: a checkpoint keeps every leaf of a tree of dictionaries whose keys are strings, or refuses the tree.
# Seen on 2026-11-29, Orbax 0.12.8, JAX 0.10.2, Python 3.11: keys are joined by a dot into the name of the stored array,
# so {"encoder.norm": ...} and {"encoder": {"norm": ...}} get the same name. Saving and restoring succeed.
#   saved: encoder.norm = 1 1, encoder/norm = 2 2; restored: 2 2 and 2 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import pathlib
import platform

import jax
import numpy as np
import orbax.checkpoint

print("Python", platform.python_version(), "Orbax", orbax.checkpoint.__version__, "JAX", jax.__version__)
tree = {"encoder.norm": np.array([1.0, 1.0]), "encoder": {"norm": np.array([2.0, 2.0])}}
with orbax.checkpoint.StandardCheckpointer() as checkpointer:
    checkpointer.save(pathlib.Path("checkpoint").absolute(), tree)
    checkpointer.wait_until_finished()
    restored = checkpointer.restore(pathlib.Path("checkpoint").absolute(), tree)
print("saved:   ", tree)
print("restored:", restored)
assert np.array_equal(restored["encoder.norm"], restored["encoder"]["norm"])
PY

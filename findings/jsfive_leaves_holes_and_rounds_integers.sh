#!/usr/bin/env bash
# jsfive, which reads HDF5 files in a browser, answers "undefined" where a fill value belongs, and rounds 64-bit integers.
#
# Guess: jsfive gives the numbers of an HDF5 file, or says what it does not read, as it does for some filters.
# Seen on 2026-12-01, jsfive 0.4.2, h5wasm 0.10.3, h5py 3.14.0, NumPy 2.4.6, Node.js 20.20.2, Python 3.11, no error:
#   six numbers of which two were written, the fill value 7   h5py and h5wasm 1 2 7 7 7 7, jsfive 1 2 and four "undefined";
#                                                             its property `fillvalue` is 7
#   2**53 + 1                                                 h5py and h5wasm ...993, jsfive ...992
# HDF5 says that chunks which were never written hold the fill value.
# Sound in the same run: a dataset that was written whole, in chunks, compressed and shuffled.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v npm > /dev/null || { echo "this needs Node.js and npm"; exit 1; }
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.14.0 numpy==2.4.6
cd "$folder"
npm_config_cache="$folder/npm" npm install --silent --no-audit --no-fund jsfive@0.4.2 h5wasm@0.10.3 > npm.log 2>&1 || { cat npm.log; exit 1; }
"$folder/venv/bin/python" - <<'PY'
import platform

import h5py
import numpy as np

print("Python", platform.python_version(), "h5py", h5py.__version__, "NumPy", np.__version__)
with h5py.File("model.h5", "w") as file:
    file.create_dataset("part", (6,), "float32", chunks=(2,), fillvalue=7)[:2] = [1, 2]
    file.create_dataset("whole", data=np.arange(6, dtype="float32"), chunks=(2,), compression="gzip", shuffle=True)
    file["large"] = np.array([2**53 + 1])
with h5py.File("model.h5") as file:
    print("h5py  ", file["part"][:], file["whole"][:], file["large"][:])
    assert file["part"][:].tolist() == [1, 2, 7, 7, 7, 7] and file["large"][0] == 2**53 + 1
PY
cat > ask.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import h5wasm from "h5wasm/node";
import * as jsfive from "jsfive";

console.log("Node.js", process.version);
await h5wasm.ready;
const bytes = fs.readFileSync("model.h5");
const whole = new h5wasm.File("model.h5", "r");
const other = new jsfive.File(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), "model.h5");
const read = (file, name) => Array.from(file.get(name).value).map(String).join(" ");
for (const [name, file] of [["h5wasm", whole], ["jsfive", other]])
  console.log(name, "[" + ["part", "whole", "large"].map((key) => read(file, key)).join("] [") + "]");
assert.equal(read(whole, "part"), "1 2 7 7 7 7");
assert.equal(read(other, "part"), "1 2 undefined undefined undefined undefined");
assert.equal(other.get("part").fillvalue, 7);
assert.equal(read(whole, "whole"), read(other, "whole"));
assert.equal(read(whole, "large"), "9007199254740993");
assert.equal(read(other, "large"), "9007199254740992");
JS
node ask.mjs

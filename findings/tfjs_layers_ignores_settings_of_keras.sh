#!/usr/bin/env bash
# TensorFlow.js reads layers models of Keras 2 without nine of the settings of their layers.
#
# Guess: loadLayersModel, which refuses what it does not know (ELU with alpha, grouped convolutions), answers as the Keras 2
# model whose .h5 its own converter read.
# Seen on 2026-12-01, TensorFlow.js 4.22.0 (its CPU back end), tensorflowjs 4.22.0, tf_keras 2.21.0, TensorFlow 2.21.0,
# Node.js 20.20.2, Python 3.11, no error and no warning; off by more than 0.05:
#   ReLU                     negative_slope, threshold
#   UpSampling2D             interpolation="bilinear"
#   DepthwiseConv2D          dilation_rate (with "same" padding, so that the shape is right)
#   Conv2DTranspose          dilation_rate
#   BatchNormalization       axis=1 of a picture
#   GlobalAveragePooling1D   the mask: padding counts
#   LSTM                     zero_output_for_mask
#   Bidirectional            of masked sequences
# Sound in the same run: Conv2D with dilation_rate, MaxPooling2D, Dense, ReLU(max_value), UpSampling2D nearest,
# DepthwiseConv2D, Conv2DTranspose with strides, LSTM with a mask, Bidirectional with a mask and one answer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v npm > /dev/null || { echo "this needs Node.js and npm"; exit 1; }
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 tf_keras==2.21.0 \
  h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.6.0 protobuf==7.36.2
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps tensorflowjs==4.22.0
cd "$folder"
npm_config_cache="$folder/npm" npm install --silent --no-audit --no-fund \
  $(printf '@tensorflow/tfjs-%s@4.22.0 ' core layers backend-cpu) > npm.log 2>&1 || { cat npm.log; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import importlib.util
import json
import pathlib
import platform
import sys
import types
from importlib.metadata import version

import numpy as np
import tf_keras
from tf_keras import layers

# The package's __init__ imports JAX, TensorFlow Hub and Decision Forests, which its converter of .h5 files does not need.
for name in ("tensorflowjs", "tensorflowjs.converters"):
    sys.modules[name] = types.ModuleType(name)
    root = pathlib.Path(importlib.util.find_spec("tf_keras").origin).parents[1]
    sys.modules[name].__path__ = [str(root / name.replace(".", "/"))]
from tensorflowjs.converters import keras_h5_conversion

names = ("tf_keras", "tensorflow-cpu", "tensorflowjs")
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
random = np.random.default_rng(0)
tf_keras.utils.set_random_seed(0)
IMAGE, SEQUENCE = (6, 6, 2), (5, 3)
OFF = {
    "ReLU(negative_slope=0.5)": (IMAGE, [layers.ReLU(negative_slope=0.5)]),
    "ReLU(threshold=0.5)": (IMAGE, [layers.ReLU(threshold=0.5)]),
    "UpSampling2D(bilinear)": (IMAGE, [layers.UpSampling2D(interpolation="bilinear")]),
    "DepthwiseConv2D(dilation_rate=2)": (IMAGE, [layers.DepthwiseConv2D(3, padding="same", dilation_rate=2)]),
    "Conv2DTranspose(dilation_rate=2)": (IMAGE, [layers.Conv2DTranspose(3, 3, padding="same", dilation_rate=2)]),
    "BatchNormalization(axis=1)": (IMAGE, [layers.BatchNormalization(1, beta_initializer="uniform")]),
    "GlobalAveragePooling1D, masked": (SEQUENCE, [layers.Masking(), layers.GlobalAveragePooling1D()]),
    "LSTM(zero_output_for_mask), masked": (
        SEQUENCE,
        [layers.Masking(), layers.LSTM(2, return_sequences=True, zero_output_for_mask=True)],
    ),
    "Bidirectional of sequences, masked": (
        SEQUENCE,
        [layers.Masking(), layers.Bidirectional(layers.LSTM(2, return_sequences=True))],
    ),
}
SOUND = {
    "Conv2D, MaxPooling2D, Dense": (IMAGE, [layers.Conv2D(3, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)]),
    "ReLU(max_value=1)": (IMAGE, [layers.ReLU(max_value=1)]),
    "UpSampling2D(nearest)": (IMAGE, [layers.UpSampling2D()]),
    "DepthwiseConv2D": (IMAGE, [layers.DepthwiseConv2D(3, padding="same")]),
    "Conv2D(dilation_rate=2)": (IMAGE, [layers.Conv2D(3, 3, padding="same", dilation_rate=2)]),
    "Conv2DTranspose": (IMAGE, [layers.Conv2DTranspose(3, 3, strides=2, padding="same")]),
    "LSTM, masked": (SEQUENCE, [layers.Masking(), layers.LSTM(2, return_sequences=True)]),
    "Bidirectional, masked": (SEQUENCE, [layers.Masking(), layers.Bidirectional(layers.LSTM(2))]),
}
REFUSED = {"ELU(2)": (IMAGE, [layers.ELU(2.0)]), "Conv2D(groups=2)": (IMAGE, [layers.Conv2D(4, 3, groups=2)])}
cases = []
for kind, models in (("off", OFF), ("sound", SOUND), ("refused", REFUSED)):
    for name, (shape, parts) in models.items():
        rows = random.normal(size=(2, *shape)).astype("float32")
        if shape == SEQUENCE:
            rows[0, 3:] = rows[1, 2] = 0
        model = tf_keras.Sequential([layers.Input(shape), *parts])
        folder = pathlib.Path(f"copy{len(cases)}")
        folder.mkdir()
        model.save("model.h5")
        topology, groups = keras_h5_conversion.h5_merged_saved_model_to_tfjs_format("model.h5")
        keras_h5_conversion.write_artifacts(topology, groups, str(folder))
        answer = model.predict(rows, verbose=0).tolist()
        cases.append({"kind": kind, "name": name, "rows": rows.tolist(), "answer": answer, "folder": str(folder)})
pathlib.Path("cases.json").write_text(json.dumps(cases))
PY
cat > ask.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";

await tf.setBackend("cpu");
console.log("Node.js", process.version, "TensorFlow.js", tf.version_core);
async function ask(folder, rows) {
  const { modelTopology, weightsManifest } = JSON.parse(fs.readFileSync(`${folder}/model.json`));
  const paths = weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(paths.map((path) => fs.readFileSync(`${folder}/${path}`)));
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const artifacts = { modelTopology, weightSpecs, weightData: new Uint8Array(bytes).buffer };
  const model = await layers.loadLayersModel({ load: async () => artifacts });
  return model.predict(tf.tensor(rows)).array();
}
for (const { kind, name, rows, answer, folder } of JSON.parse(fs.readFileSync("cases.json"))) {
  if (kind === "refused") {
    await assert.rejects(ask(folder, rows));
    console.log(name, "is refused");
    continue;
  }
  const copy = (await ask(folder, rows)).flat(9);
  const expected = answer.flat(9);
  assert.equal(copy.length, expected.length);
  const off = Math.max(...expected.map((value, i) => Math.abs(value - copy[i])));
  console.log(kind, name, off);
  assert.ok(kind === "sound" ? off < 1e-5 : off > 0.05, name);
}
JS
node ask.mjs

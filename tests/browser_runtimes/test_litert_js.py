"""LiteRT.js, really run, by Node.js: which of our LiteRT files it takes."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.formats import get_format
from tests.package_registries import install_npm_package

PROGRAM = """import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
// What LiteRT.js expects of a page's worker.
globalThis.self = globalThis;
globalThis.require = createRequire(import.meta.url);
globalThis.__filename = fileURLToPath(import.meta.url);
globalThis.__dirname = dirname(__filename);
globalThis.importScripts = (url) => vm.runInThisContext(readFileSync(url, "utf8"));
console.log = console.error;
const { Tensor, loadAndCompile, loadLiteRt } = await import("@litertjs/core");
const folder = `${__dirname}/node_modules/@litertjs/core/wasm/`;
globalThis.Module = { locateFile: (name) => folder + name };
await loadLiteRt(folder);
const told = [];
for (const path of process.argv.slice(2)) {
  try {
    const model = await loadAndCompile(new Uint8Array(readFileSync(path)), { accelerator: "wasm" });
    const [output] = await model.run(new Tensor(new Float32Array([1, -2, 3, 0.5]), [1, 4]));
    told.push(Array.from(await output.data()));
  } catch (error) {
    told.push(String(error));
  }
}
process.stdout.write(JSON.stringify(told));
process.exit(0);
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_litert_js_takes_the_copy_of_fixed_sizes_alone(tmp_path: Path):
    import keras

    install_npm_package(tmp_path, "@litertjs/core@2.5.3")
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3)])
    for key in ("litert", "litert_fixed"):
        (tmp_path / key).mkdir()
        get_format(key).save_model(model, "keras", tmp_path / key)
    (tmp_path / "ask.mjs").write_text(PROGRAM)
    command = ["node", "ask.mjs", "litert/model.tflite", "litert_fixed/model.tflite"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-2000:]
    refused, answer = json.loads(ended.stdout)
    assert "Float32[-1, 4]" in refused
    expected = model.predict(np.array([[1, -2, 3, 0.5]], "float32"), verbose=0)
    assert np.abs(np.array(answer) - expected[0]).max() < 1e-6

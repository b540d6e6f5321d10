"""The sizes that the documentation states are those of the files that were fetched."""

import re

import pytest

from core.browser_runtimes import LOCK, require_runtimes, runtimes_folder
from core.errors import PackageMissing
from tests.browser.server import PROJECT

ONNX, LITERT = "onnxruntime-web/dist/", "@litertjs/"
# What a browser loads, by the start of the name; the files "compat" are for browsers without newer WebAssembly.
LOADED = {
    "ONNX": (f"{ONNX}ort.wasm.", f"{ONNX}ort-wasm-simd-threaded.mjs", f"{ONNX}ort-wasm-simd-threaded.wasm"),
    "LiteRT": (f"{LITERT}core/dist/", f"{LITERT}core/wasm/litert_wasm_internal.", f"{LITERT}wasm-utils/"),
    "WebGPU": (f"{ONNX}ort.webgpu.", f"{ONNX}ort-wasm-simd-threaded.asyncify."),
}


def count_megabytes(*starts: str) -> float:
    """MB (powers of ten) of the files whose names begin so."""
    return sum((runtimes_folder() / name).stat().st_size for name in LOCK.files if name.startswith(starts)) / 1e6


def test_sizes_in_the_documentation_are_those_of_the_files():
    try:
        require_runtimes()
    except PackageMissing as error:
        pytest.skip(str(error))
    text = " ".join((PROJECT / "docs" / "in_the_browser.md").read_text().split())
    assert re.search(r"([0-9.]+) MB in all", text)[1] == f"{count_megabytes(''):.0f}"
    for name, starts in LOADED.items():
        assert re.search(rf"([0-9.]+) MB for {name}", text)[1] == f"{count_megabytes(*starts):.1f}"

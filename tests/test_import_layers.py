"""The import layers in the docstring of `core`, checked against the sources and against a process of its own."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import core
from core.settings import PROJECT

MODEL_RUNTIMES = {"tensorflow", "keras", "h5py", "onnx", "onnxruntime", "ai_edge_litert", "openvino", "sklearn"}
SOURCES = ("app.py", "pages", "ui", "core")
IMPORT_ALL_SCRIPT = """
import importlib, pkgutil, sys
import core
for module in pkgutil.walk_packages(core.__path__, "core."):
    importlib.import_module(module.name)
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""


class Import(NamedTuple):
    """One imported name, as "core.jobs" or "core.jobs.Jobs", and whether it stands inside a function."""

    module: str
    in_function: bool


def written_layers() -> list[list[str]]:
    """The lines of the indented block in the docstring of `core`, top first, each with its packages."""
    block = re.search(r"((?:^    \S.*\n)+)", core.__doc__, re.MULTILINE)[1]
    return [[package.strip().removesuffix(".py") for package in line.split(",")] for line in block.splitlines()]


LAYERS = written_layers()


def list_sources(*packages: str) -> list[Path]:
    every = [path for package in packages for path in (PROJECT / package, *(PROJECT / package).rglob("*.py"))]
    return sorted(path for path in every if path.suffix == ".py" and path.is_file())


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module: str) -> int:
    """The layer of a module, 0 at the top; `core` itself lies below all of them."""
    if module == "core":
        return len(LAYERS)
    fitting = [
        (len(package), number)
        for number, packages in enumerate(LAYERS)
        for package in packages
        if module == package or module.startswith(f"{package}.")
    ]
    if not fitting:
        raise LookupError(f"{module} is in no layer of core/__init__.py")
    return max(fitting)[1]


@cache
def list_imports(path: Path) -> list[Import]:
    return list(_iterate_imports(ast.parse(path.read_text(encoding="utf-8")), in_function=False))


def _iterate_imports(node: ast.AST, in_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, in_function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(name, in_function) for name in _import_targets(child))
        else:
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _iterate_imports(child, inside)


def _import_targets(node: ast.ImportFrom) -> list[str]:
    """What `from a import b` may load: the module a.b where there is such a source, else a."""
    assert node.level == 0, "a relative import hides which package it reaches into"
    return [
        f"{node.module}.{alias.name}" if _is_source(node.module, alias.name) else node.module for alias in node.names
    ]


def _is_source(module: str, name: str) -> bool:
    path = PROJECT.joinpath(*module.split("."), name)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def top_level_package(module: str) -> str:
    return module.partition(".")[0]


def test_layers_are_read_from_the_docstring():
    assert LAYERS[0] == ["app", "pages"]
    assert LAYERS[1] == ["ui"]
    assert ["core.browser_runtimes", "core.exports"] in LAYERS
    lowest = ("arrays", "errors", "known_converter_errors", "known_errors", "system", "tensors", "versions")
    assert LAYERS[-1] == [f"core.{name}" for name in lowest]


@pytest.mark.parametrize("path", list_sources(*SOURCES), ids=module_name)
def test_imports_follow_layer_order(path):
    own = layer_of(module_name(path))
    left = [
        imported.module
        for imported in list_imports(path)
        if top_level_package(imported.module) in {"app", "pages", "ui", "core"}
    ]
    assert [module for module in left if layer_of(module) < own] == []


def circles(graph: dict[str, set[str]]) -> list[str]:
    """One sentence for each circle that a depth-first walk of the graph meets."""
    done: set[str] = set()
    met: list[str] = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            met.append(" imports ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for imported in sorted(graph.get(module, ())):
                visit(imported, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
    return met


def test_no_modules_import_each_other():
    """Imports inside functions and for types only count too."""
    left = {module_name(path): path for path in list_sources(*SOURCES)}
    graph = {
        name: {imported.module for imported in list_imports(path)} & left.keys() - {name} for name, path in left.items()
    }
    assert len(graph) > 250
    assert circles(graph) == []


@pytest.mark.parametrize("path", list_sources("core"), ids=module_name)
def test_core_does_not_import_streamlit(path):
    assert [
        imported.module for imported in list_imports(path) if top_level_package(imported.module) == "streamlit"
    ] == []


@pytest.mark.parametrize("path", list_sources(*SOURCES), ids=module_name)
def test_model_runtimes_are_imported_only_inside_functions(path):
    assert [
        imported.module
        for imported in list_imports(path)
        if top_level_package(imported.module) in MODEL_RUNTIMES and not imported.in_function
    ] == []


@pytest.mark.parametrize("path", list_sources("app.py", "pages", "ui"), ids=module_name)
def test_the_server_never_imports_a_model_runtime(path):
    """A function of a page runs in the server, so there no depth is deep enough."""
    assert [
        imported.module for imported in list_imports(path) if top_level_package(imported.module) in MODEL_RUNTIMES
    ] == []


def test_importing_core_packages_loads_no_model_runtime_or_streamlit():
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_SCRIPT], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(ended.stdout))
    assert loaded & (MODEL_RUNTIMES | {"streamlit"}) == set()
    assert {"core", "numpy"} <= loaded


# A check that misses a breach would be worth little.


def test_circles_are_named_with_their_path():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a imports b imports c imports a"]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_import_scan_detects_a_violation(tmp_path):
    source = "import core.jobs\nif True:\n    import keras\ndef load():\n    import tensorflow as tf\n"
    (tmp_path / "breach.py").write_text(source, encoding="utf-8")
    assert list_imports(tmp_path / "breach.py") == [
        Import("core.jobs", False),
        Import("keras", False),
        Import("tensorflow", True),
    ]
    assert layer_of("core.jobs") < layer_of("core.errors")
    assert layer_of("core.demos.keras_training") == layer_of("core.formats.h5")


def test_a_module_outside_the_layers_is_refused():
    with pytest.raises(LookupError, match=r"core\.cellar is in no layer"):
        layer_of("core.cellar")

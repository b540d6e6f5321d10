"""The walls that the docstring of `core` promises, held against the sources and against a process of its own."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import core
from core.settings import PROJECT

HEAVY = {"tensorflow", "keras", "h5py", "onnx", "onnxruntime", "ai_edge_litert", "openvino", "sklearn"}
HOUSE = ("app.py", "pages", "ui", "core")
LAZY = """
import importlib, pkgutil, sys
import core
for found in pkgutil.walk_packages(core.__path__, "core."):
    importlib.import_module(found.name)
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""


class Import(NamedTuple):
    """One imported name, as "core.jobs" or "core.jobs.Jobs", and whether it stands inside a function."""

    module: str
    in_function: bool


def written_order() -> list[list[str]]:
    """The lines of the indented block in the docstring of `core`, top first, each with its rooms."""
    block = re.search(r"((?:^    \S.*\n)+)", core.__doc__, re.MULTILINE)[1]
    return [[room.strip().removesuffix(".py") for room in line.split(",")] for line in block.splitlines()]


ORDER = written_order()


def sources(*rooms: str) -> list[Path]:
    every = [path for room in rooms for path in (PROJECT / room, *(PROJECT / room).rglob("*.py"))]
    return sorted(path for path in every if path.suffix == ".py" and path.is_file())


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def line_of(module: str) -> int:
    """The line of the written order on which a module lives; `core` itself lies below all of them."""
    if module == "core":
        return len(ORDER)
    fitting = [
        (len(room), number)
        for number, rooms in enumerate(ORDER)
        for room in rooms
        if module == room or module.startswith(f"{room}.")
    ]
    if not fitting:
        raise LookupError(f"{module} is in no room of the written order in core/__init__.py")
    return max(fitting)[1]


def imports(path: Path) -> list[Import]:
    return list(_imports(ast.parse(path.read_text(encoding="utf-8")), in_function=False))


def _imports(node: ast.AST, in_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, in_function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(name, in_function) for name in _targets(child))
        elif not _is_for_types(child):
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, inside)


def _targets(node: ast.ImportFrom) -> list[str]:
    """What `from a import b` may load: the module a.b where there is such a source, else a."""
    assert node.level == 0, "a relative import hides which room it reaches into"
    return [
        f"{node.module}.{alias.name}" if _is_source(node.module, alias.name) else node.module for alias in node.names
    ]


def _is_source(module: str, name: str) -> bool:
    path = PROJECT.joinpath(*module.split("."), name)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _is_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` never runs, so what stands under it reaches nowhere."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def root(module: str) -> str:
    return module.partition(".")[0]


def test_the_written_order_is_read_from_the_docstring():
    assert ORDER[0] == ["app", "pages"]
    assert ORDER[1] == ["ui"]
    assert ["core.formats", "core.demos"] in ORDER
    assert ORDER[-1] == ["core.errors"]


@pytest.mark.parametrize("path", sources(*HOUSE), ids=module_name)
def test_imports_run_downward(path):
    own = line_of(module_name(path))
    ours = [one.module for one in imports(path) if root(one.module) in {"app", "pages", "ui", "core"}]
    assert [module for module in ours if line_of(module) < own] == []


@pytest.mark.parametrize("path", sources("core"), ids=module_name)
def test_core_knows_nothing_of_streamlit(path):
    assert [one.module for one in imports(path) if root(one.module) == "streamlit"] == []


@pytest.mark.parametrize("path", sources(*HOUSE), ids=module_name)
def test_model_runtimes_are_imported_only_inside_functions(path):
    assert [one.module for one in imports(path) if root(one.module) in HEAVY and not one.in_function] == []


@pytest.mark.parametrize("path", sources("app.py", "pages", "ui"), ids=module_name)
def test_the_server_never_imports_a_model_runtime(path):
    """A function of a page runs in the server, so there no depth is deep enough."""
    assert [one.module for one in imports(path) if root(one.module) in HEAVY] == []


def test_importing_every_room_of_core_loads_no_model_runtime_and_no_streamlit():
    ended = subprocess.run([sys.executable, "-c", LAZY], cwd=PROJECT, capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(ended.stdout))
    assert loaded & (HEAVY | {"streamlit"}) == set()
    assert {"core", "numpy"} <= loaded


# The walls would be worth little if a breach went unseen.


def test_a_breach_is_seen(tmp_path):
    source = "import core.jobs\nif True:\n    import keras\ndef load():\n    import tensorflow as tf\n"
    (tmp_path / "breach.py").write_text(source, encoding="utf-8")
    assert imports(tmp_path / "breach.py") == [
        Import("core.jobs", False),
        Import("keras", False),
        Import("tensorflow", True),
    ]
    assert line_of("core.jobs") < line_of("core.errors")
    assert line_of("core.demos.fit") == line_of("core.formats.live")


def test_a_module_outside_the_written_order_is_refused():
    with pytest.raises(LookupError, match=r"core\.cellar is in no room"):
        line_of("core.cellar")

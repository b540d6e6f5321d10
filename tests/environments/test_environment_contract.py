"""What every environment keeps to: its lock, its script, and what it says of itself."""

import ast
import re

import pytest

from core.environments import ENVIRONMENTS, get_environment
from core.environments.base import DESCRIBING_SCRIPTS, LOCKS, SCRIPTS, Environment
from core.errors import UnknownName
from core.exports.proof_kit import KIT_SCHEMA_VERSION
from core.formats import all_formats

each = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.key)
# What other scripts use, and what asks files with our own packages.
SHARED_SCRIPTS = {"run_kit", "forked_kits", "kit_files", "tensorflow_files", "own_files"}
SHARED_SCRIPTS |= {"node_process", "tfjs_operations"}
PIN = re.compile(r"^([A-Za-z0-9][\w.\-]*)(?:\[[\w,]+\])?==([^\s;]+)", re.MULTILINE)
TOOLS_OF_MNN = re.compile(r"MNN\.tools\b")


def list_modules(source: str) -> set[str]:
    """What a script imports, by full names, and its texts, one of which may be a module's name."""
    nodes = list(ast.walk(ast.parse(source)))
    parts = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {f"{node.module}.{alias.name}" for node in parts for alias in node.names}
    return names | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_environment_keys_and_labels_are_unique():
    for name in ("key", "label"):
        values = [getattr(environment, name) for environment in ENVIRONMENTS]
        assert len(set(values)) == len(values) >= 3
    assert [get_environment(environment.key) for environment in ENVIRONMENTS] == list(ENVIRONMENTS)


def test_unknown_environment_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match=r"no such environment.*Choose from tract, mnn"):
        get_environment("nowhere")


@each
def test_lock_pins_every_package_by_hash_and_names_no_address(environment: Environment):
    lock = environment.lock_path.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert [entry for entry in entries if not PIN.match(entry) or "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?:|file:|--index|--find-links|@ ", lock) == []


@each
def test_lock_holds_what_the_environment_requires(environment: Environment):
    locked = {(normalize(name), version) for name, version in PIN.findall(environment.lock_path.read_text())}
    wanted = {(normalize(name), version) for line in environment.requirements for name, version in PIN.findall(line)}
    assert wanted
    assert wanted - locked == set()


@each
def test_environment_takes_formats_that_have_kits(environment: Environment):
    with_kits = {format_.key for format_ in all_formats() if format_.kit}
    assert environment.takes
    assert environment.takes - with_kits == set()


@each
def test_script_has_the_names_of_the_contract(environment: Environment):
    tree = ast.parse(environment.script_path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        names |= {target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)}
        names |= {alias.asname or alias.name for alias in getattr(node, "names", ())}
    assert {"MODULES", "DISTRIBUTIONS", "load"} <= names
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_scripts_import_nothing_of_this_project(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name.partition(".")[0] in {"core", "ui", "pages"}} == set()


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_scripts_do_not_import_the_tools_of_mnn(path):
    """Importing them starts pip: findings/mnn_converter_installs_and_reports.sh."""
    assert [name for name in list_modules(path.read_text(encoding="utf-8")) if TOOLS_OF_MNN.match(name)] == []


@pytest.mark.parametrize(
    "line",
    ["import MNN.tools as t", "from MNN import tools", "from MNN.tools import mnnconvert", "f('-m', 'MNN.tools.mnn')"],
    ids=["import", "package", "module", "text"],
)
def test_import_of_the_tools_of_mnn_is_found_however_written(line: str):
    assert any(TOOLS_OF_MNN.match(name) for name in list_modules(f"def load(kit):\n    {line}"))


@pytest.mark.parametrize("name", sorted(DESCRIBING_SCRIPTS))
def test_describing_script_can_describe(name: str):
    tree = ast.parse((SCRIPTS / f"{name}.py").read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    names |= {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert "describe" in names


def test_every_lock_and_script_is_of_an_environment():
    used = {environment.lock_path for environment in ENVIRONMENTS}
    assert set(LOCKS.iterdir()) == used
    scripts = {environment.script_path.stem for environment in ENVIRONMENTS}
    assert {path.stem for path in SCRIPTS.glob("*.py")} - scripts == SHARED_SCRIPTS


def test_environment_says_its_size_and_its_use():
    for environment in ENVIRONMENTS:
        assert 1 < environment.megabytes < 10_000
        assert environment.good_for.endswith(".")
    assert KIT_SCHEMA_VERSION == 1

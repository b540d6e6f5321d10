"""Source that stands by itself: with all that it uses, and nothing of this project."""

import ast
import builtins

import pytest

from core.demos import DEMOS
from core.demos.base import Demo
from core.exports.bundler import bundle_functions
from core.formats import FORMATS
from core.formats.base import Format


def undefined_names(text: str) -> set[str]:
    """Names that are read and nowhere made, Python's own left out."""
    tree = ast.parse(text)
    made = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.ClassDef)}
    made |= {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}
    imported = [one for one in ast.walk(tree) if isinstance(one, ast.Import | ast.ImportFrom)]
    made |= {alias.asname or alias.name.partition(".")[0] for one in imported for alias in one.names}
    names = [one for one in ast.walk(tree) if isinstance(one, ast.Name)]
    made |= {one.id for one in names if isinstance(one.ctx, ast.Store)} | set(dir(builtins))
    annotated = [one.annotation for one in ast.walk(tree) if isinstance(one, ast.AnnAssign)]
    ignored = {one.id for each in annotated for one in ast.walk(each) if isinstance(one, ast.Name)}
    return {one.id for one in names if isinstance(one.ctx, ast.Load)} - made - ignored


@pytest.mark.parametrize("demo", DEMOS, ids=lambda one: one.key)
def test_bundler_code_of_every_demo_is_self_contained(demo: Demo):
    found = bundle_functions(demo.build, *([demo.classes] if demo.has_classes else []))
    assert undefined_names("\n".join([*found.imports, found.body])) == set()
    assert "core" not in found.packages
    compile("\n".join([*found.imports, found.body]), demo.key, "exec")


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.key)
def test_bundler_loader_of_every_format_is_self_contained_and_short(one: Format):
    found = bundle_functions(one.kit.load)
    assert undefined_names("\n".join([*found.imports, found.body])) == set()
    assert len(found.body.splitlines()) < 50
    known = {name.replace("-", "_") for name in one.kit.packages} | {"numpy"}
    assert found.packages <= known


def test_bundler_includes_dependencies_before_their_users():
    [tips] = [demo for demo in DEMOS if demo.key == "tips"]
    body = bundle_functions(tips.build).body
    order = [body.index(f"def {name}(") for name in ("take_rows", "split_rows", "data", "build")]
    assert order == sorted(order)
    assert "-> Data" not in body
    assert "settings: TrainSettings" not in body


def test_bundler_refuses_two_functions_of_same_name():
    [mlp, denoiser] = [demo for demo in DEMOS if demo.key in ("digits-mlp", "digits-denoiser")]
    with pytest.raises(LookupError, match="build would be written twice"):
        bundle_functions(mlp.build, denoiser.build)

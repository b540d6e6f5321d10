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
    made = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    made |= {alias.asname or alias.name.partition(".")[0] for item in imported for alias in item.names}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    made |= {name.id for name in names if isinstance(name.ctx, ast.Store)} | set(dir(builtins))
    annotated = [node.annotation for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    ignored = {node.id for each in annotated for node in ast.walk(each) if isinstance(node, ast.Name)}
    return {name.id for name in names if isinstance(name.ctx, ast.Load)} - made - ignored


@pytest.mark.parametrize("demo", DEMOS, ids=lambda item: item.key)
def test_bundler_code_of_every_demo_is_self_contained(demo: Demo):
    result = bundle_functions(demo.build, *([demo.classes] if demo.has_classes else []))
    assert undefined_names("\n".join([*result.imports, result.body])) == set()
    assert "core" not in result.packages
    compile("\n".join([*result.imports, result.body]), demo.key, "exec")


@pytest.mark.parametrize("format_", FORMATS, ids=lambda item: item.key)
def test_bundler_loader_of_every_format_is_self_contained_and_short(format_: Format):
    result = bundle_functions(format_.kit.load)
    assert undefined_names("\n".join([*result.imports, result.body])) == set()
    assert len(result.body.splitlines()) < 60
    known = {name.replace("-", "_") for name in format_.kit.packages} | {"numpy"}
    assert result.packages <= known


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


def test_bundled_source_of_classes_that_need_each_other_runs():
    from core.formats.imported_loaders import open_in_session

    source = bundle_functions(open_in_session)
    assert source.body.index("class RoundtripError") < source.body.index("class InputError")

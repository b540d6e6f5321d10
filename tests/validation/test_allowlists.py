"""The lists of what is allowed hold names that exist, and none that reads, writes or runs what an author wrote."""

import subprocess
import sys

import pytest

from core.errors import ChildDied, Refused, TimedOut
from core.jobs.imports.import_model import validate_content_in_child
from core.settings import PROJECT, Settings
from core.validation.content.operation_allowlist import ALLOWED_OPS, SAVER_OPS, TABLE_FILE_OPS
from core.validation.keras_allowlist import ALLOWED_CLASSES, ALLOWED_FUNCTIONS
from tests.factories.invalid_saved_models import FORBIDDEN_OPERATIONS

pytestmark = pytest.mark.trust
CHECK_NAMES_SCRIPT = """
import importlib
from core.validation.keras_allowlist import ALLOWED_CLASSES, ALLOWED_FUNCTIONS, DEMO_CLASSES
from core.validation.content.operation_allowlist import ALLOWED_OPS, SAVER_OPS, TABLE_FILE_OPS
from keras.src.saving.serialization_lib import BUILTIN_MODULES, NON_MODELING_APIS
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

def found(module, name):
    return getattr(importlib.import_module(module), name, None)

for module, names in ALLOWED_CLASSES.items():
    for name in names:
        assert isinstance(found(module, name), type), (module, name)
for module, names in ALLOWED_FUNCTIONS.items():
    for name in names:
        places = BUILTIN_MODULES if module == "builtins" else [module.removeprefix("keras.")]
        assert any(callable(found(f"keras.{place}", name)) for place in places), (module, name)
        assert f"{module}.{name}" not in NON_MODELING_APIS
operations = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
known = {op.name for op in operations.op}
assert (ALLOWED_OPS | SAVER_OPS | TABLE_FILE_OPS) <= known, ALLOWED_OPS - known
from core.demos import get_demo
assert set(get_demo("digits-custom").classes()) | set(get_demo("digits-subclassed").classes()) == set(DEMO_CLASSES)
print("every name is there")
"""


@pytest.mark.long
def test_allowlists_name_only_existing_classes_and_operations():
    ended = subprocess.run([sys.executable, "-c", CHECK_NAMES_SCRIPT], cwd=PROJECT, capture_output=True, text=True)
    assert ended.stdout == "every name is there\n", ended.stderr[-2000:]


def test_allowlists_hold_no_forbidden_operation():
    assert set(FORBIDDEN_OPERATIONS.split()) & (ALLOWED_OPS | SAVER_OPS | TABLE_FILE_OPS) == set()


@pytest.mark.parametrize(
    "kind", ["Lambda", "TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "Map", "Scan", "Cond"]
)
def test_allowlists_hold_no_class_that_takes_code_or_paths(kind):
    assert not any(kind in names for names in ALLOWED_CLASSES.values())


@pytest.mark.parametrize("name", ["map", "scan", "while_loop", "vectorize", "cond", "deserialize", "get"])
def test_allowlists_hold_no_function_that_takes_functions(name):
    assert not any(name in names for names in ALLOWED_FUNCTIONS.values())


@pytest.mark.parametrize("name", ["load_model", "save_model", "load_weights", "load_data", "get_file", "load_img"])
def test_allowlists_exclude_functions_that_read_write_or_fetch(name):
    assert not any(name in names for names in (*ALLOWED_FUNCTIONS.values(), *ALLOWED_CLASSES.values()))


def test_allowed_functions_belong_to_five_modules():
    assert ALLOWED_FUNCTIONS.keys() == {"builtins", "keras.activations", "keras.losses", "keras.metrics", "keras.ops"}
    assert ALLOWED_FUNCTIONS["builtins"] >= set().union(
        *(ALLOWED_FUNCTIONS[f"keras.{item}"] for item in ("activations", "losses"))
    )


class FailingWorker:
    """A worker whose child ends in some way."""

    config = Settings()

    def __init__(self, error: Exception):
        self.error = error

    def run(self, *_, **__):
        raise self.error


@pytest.mark.parametrize(
    ("error", "rule"), [(ChildDied("It died."), "inspector-ended"), (TimedOut("Too long."), "inspector-slow")]
)
def test_validate_content_in_child_that_dies_or_hangs_rejects_file(error, rule, tmp_path):
    with pytest.raises(Refused) as refusal:
        validate_content_in_child(FailingWorker(error), "h5", tmp_path)
    assert refusal.value.rule == rule

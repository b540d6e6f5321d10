"""The one adapter of what Streamlit does not document."""

import ast
from importlib.metadata import version
from pathlib import Path

import pytest

from core.settings import PROJECT
from ui import streamlit_internals

ADAPTER = Path(streamlit_internals.__file__)
SOURCES = [PROJECT / "app.py", *sorted(PROJECT.glob("pages/*.py")), *sorted(PROJECT.glob("ui/**/*.py"))]
DOCUMENTED = {"streamlit", "streamlit.errors"}


def imported_from_streamlit(source: str) -> set[str]:
    """The modules of Streamlit that a source imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.partition(".")[0] == "streamlit"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_other_module_imports_streamlit_internals(path):
    undocumented = imported_from_streamlit(path.read_text(encoding="utf-8")) - DOCUMENTED
    assert bool(undocumented) == (path == ADAPTER), undocumented


def test_an_import_inside_a_function_is_seen():
    source = (
        "import streamlit as st\ndef f():\n    from streamlit.runtime import secrets\n    import streamlit.web.cli\n"
    )
    assert imported_from_streamlit(source) == {"streamlit", "streamlit.runtime", "streamlit.web.cli"}


def test_adapter_is_written_for_the_pinned_version():
    """At another version, read anew what the adapter imports before you change its `WRITTEN_FOR`."""
    pins = (PROJECT / "requirements.txt").read_text(encoding="utf-8").split()
    assert version("streamlit") == streamlit_internals.WRITTEN_FOR
    assert f"streamlit=={streamlit_internals.WRITTEN_FOR}" in pins

"""Settings of Sphinx. The pages of commands and of settings are written from the code before each build."""

import sys
from pathlib import Path

import typer
import typer.main
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from typer.cli import get_docs_for_click

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from core import __version__  # noqa: E402
from core.__main__ import app as command_line  # noqa: E402
from core.settings import PROJECT, Settings  # noqa: E402

project = "Roundtrip"
author = "The authors of Roundtrip"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "requirements.txt"]
nitpicky = False
html_theme = "furo"
html_title = "Roundtrip"
html_static_path = ["_static"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True


def write_generated_pages(app: Sphinx) -> None:
    """Write `generated/commands.md` and `generated/settings.md` from the code that they describe."""
    folder = DOCS / "generated"
    folder.mkdir(exist_ok=True)
    _write_if_changed(folder / "commands.md", _commands_page())
    _write_if_changed(folder / "settings.md", _settings_page())


def _commands_page() -> str:
    command = typer.main.get_command(command_line)
    context = typer.Context(command, info_name="roundtrip")
    return get_docs_for_click(obj=command, ctx=context, name="roundtrip", title="All commands")


def _settings_page() -> str:
    rows = ["# All settings", "", "| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined else _describe_default(name, field.default)
        rows.append(f"| `ROUNDTRIP_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _describe_default(name: str, value: object) -> str:
    """A default as it is everywhere, not as it happens to be on the machine that builds the pages."""
    if name == "parallel":
        return "the number of processors"
    if isinstance(value, Path) and value.is_relative_to(PROJECT):
        return f"`{value.relative_to(PROJECT)}` in the project's folder"
    return f"`{value}`" if value != "" else "empty"


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", write_generated_pages)

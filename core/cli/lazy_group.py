"""A group of commands whose modules are imported only when one of their commands is called.

What the modules work with (NumPy, SQLAlchemy, pydantic, Plotly) takes a second to import. The list that `--help` prints
needs none of it: names and help are read from the sources.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

# In the order of the help.
MODULES = (
    "models",
    "exports",
    "library",
    "inspect",
    "compare",
    "cost",
    "elsewhere",
    "upgrade",
    "sweep",
    "advise",
    "health",
    "migrate",
    "collect",
    "serve",
    "worker",
    "stop",
)


class CommandSource(NamedTuple):
    """A command as its source says it: a function under `@app.command()`, and its docstring."""

    name: str
    module: str
    help: str


class LazyGroup(TyperGroup):
    """The commands of `MODULES`: stand-ins with name and help, until one of them is called."""

    def __init__(self, **attributes: Any):
        sources = list(read_commands())
        stand_ins = {source.name: _make_stand_in(source) for source in sources}
        super().__init__(**attributes | {"commands": stand_ins})
        self._modules = {source.name: source.module for source in sources}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command itself, in place of its stand-in."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, stand_in, rest
        module = import_module(f"core.cli.{self._modules[name]}")
        return name, get_group(module.app).commands[name], rest


def _make_stand_in(source: CommandSource) -> TyperCommand:
    """A command by name alone. Its help is given as the short one too: that is wrapped in lists, and not cut off."""
    return TyperCommand(source.name, help=source.help, short_help=" ".join(source.help.split("\n\n")[0].split()))


def read_commands() -> Iterator[CommandSource]:
    """All commands, in the order in which they stand in the sources."""
    for module in MODULES:
        source = Path(__file__).with_name(f"{module}.py").read_bytes()
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                yield CommandSource(_command_name(node), module, ast.get_docstring(node) or "")


def _command_name(function: ast.FunctionDef) -> str:
    """The argument of `@app.command()`; by default the name of the function."""
    match function.decorator_list[0]:
        case ast.Call(args=[ast.Constant(value=str(name))]):
            return name
    return function.name

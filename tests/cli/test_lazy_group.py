"""The list of commands that is read from the sources, and the commands themselves."""

import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_group

from core.cli.lazy_group import MODULES, CommandSource, read_commands
from core.settings import PROJECT
from tests.helpers import run_command

HEAVY = {"numpy", "pandas", "plotly", "pydantic", "sqlalchemy", "core.jobs", "core.library"}
COMMANDS = list(read_commands())


def test_sources_list_the_commands_that_exist():
    commands = [
        CommandSource(name, module, command.help)
        for module in MODULES
        for name, command in get_group(import_module(f"core.cli.{module}").app).commands.items()
    ]
    assert [source._replace(help=" ".join(source.help.split())) for source in COMMANDS] == [
        command._replace(help=" ".join(command.help.split())) for command in commands
    ]
    assert len({source.name for source in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize("source", COMMANDS, ids=lambda source: source.name)
def test_every_command_prints_its_help(source):
    status, out, _ = run_command(source.name, "--help")
    assert (status, out.partition("\n")[0].startswith(f"Usage: roundtrip {source.name} ")) == (0, True)
    assert " ".join(source.help.split()) in " ".join(out.split())


@pytest.mark.parametrize("source", COMMANDS, ids=lambda source: source.name)
def test_every_argument_and_option_of_a_command_is_explained(source):
    command = get_group(import_module(f"core.cli.{source.module}").app).commands[source.name]
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []
    assert not any((parameter.metavar or "").strip("[]").endswith("...") for parameter in command.params)


def test_help_names_each_command_by_its_first_sentence_and_first_steps():
    text = " ".join(run_command("--help")[1].split())
    assert [source.name for source in COMMANDS if " ".join(source.help.split("\n\n")[0].split()) not in text] == []
    assert "To begin with: roundtrip train digits-mlp" in text


def test_help_imports_nothing_heavy():
    script = "import sys, core.__main__ as command_line\ntry: command_line.main()\nfinally: print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", script, "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("Usage: roundtrip [OPTIONS] COMMAND [ARGS]...")
    assert HEAVY.isdisjoint(ended.stdout.split())


def test_unknown_command_names_the_nearest():
    status, _, errors = run_command("remov")
    assert (status, "No such command 'remov'. Did you mean 'remove'" in errors) == (2, True)

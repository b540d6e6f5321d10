"""The command line: `roundtrip --help`, or `python -m core --help`. The same functions as the pages, without a browser.

Each command takes `--json`. The exit status is 0 only if all went well; an error is one line on standard error.
`ROUNDTRIP_HOME` says where the library lies.
"""

import os
import sys
from typing import Any

import typer

from core.cli.forwarding import forward_command
from core.cli.lazy_group import LazyGroup

FIRST_STEPS = """\b
To begin with:
  roundtrip train digits-mlp              a small model; prints the id of its run
  roundtrip save RUN keras h5 onnx        prints the id of each copy, and what it lost
  roundtrip matrix RUN                    what each copy kept, changed and lost
  roundtrip compare ID ID                 reloads copies, and compares their answers
  roundtrip advise RUN --where phone      which copy to take
`roundtrip COMMAND --help` says what a command takes."""
app = typer.Typer(
    name="roundtrip",
    epilog=FIRST_STEPS,
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def roundtrip() -> None:
    """Save a TensorFlow model every way there is, reload each copy in a fresh process, and prove what came back."""


def main() -> None:
    """Run a command, in the warm process that an earlier one has left, where there is one."""
    if (status := forward_command(sys.argv[1:])) is not None:
        raise SystemExit(status)
    run_command()


def run_command() -> None:
    """Run a command in this process.

    What it refuses, and a disk or a database that does, is one sentence and exit status 1.
    """
    try:
        app(prog_name="roundtrip")
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError

        from core.cli.console import print_text
        from core.error_translation import translate
        from core.errors import LibraryError, RoundtripError

        if not isinstance(error, RoundtripError | OSError | SQLAlchemyError):
            raise
        print_text(str(translate(error, LibraryError)), to_stderr=True)
        raise SystemExit(1) from error


def run_forwarded(request: dict[str, Any]) -> None:
    """Run a command in a process that was forked for it: with the arguments, the folder and the environment given."""
    from core.settings import get_settings

    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    get_settings.cache_clear()
    sys.argv[1:] = request["arguments"]
    run_command()


if __name__ == "__main__":
    main()

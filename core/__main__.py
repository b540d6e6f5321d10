"""The command line: `python -m core --help`. The same functions as the pages, without a browser.

Each command takes `--json`. The exit status is 0 only if all went well; an error is one line on standard error.
`ROUNDTRIP_HOME` says where the library lies.
"""

from typing import NoReturn

import typer
from sqlalchemy.exc import SQLAlchemyError

from core.cli import compare, health, inspect, library, models
from core.cli.console import print_text
from core.errors import LibraryError, RoundtripError
from core.explain import translate

app = typer.Typer(
    help="Save a TensorFlow model every way there is, reload each copy in a fresh process, and prove what came back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (models, library, inspect, compare, health):
    app.add_typer(group.app)


def main() -> None:
    try:
        app()
    except RoundtripError as error:
        exit_with_error(error)
    except (OSError, SQLAlchemyError) as error:  # a disk or a database that refuses is no mistake of ours
        exit_with_error(translate(error, LibraryError))


def exit_with_error(error: RoundtripError) -> NoReturn:
    print_text(str(error), to_stderr=True)
    raise SystemExit(1) from error


if __name__ == "__main__":
    main()

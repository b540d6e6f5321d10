"""The command line: `python -m core --help`. The same functions as the pages, without a browser.

Each command takes `--json`. The exit status is 0 only if all went well; an error is one line on standard error.
`ROUNDTRIP_HOME` says where the library lies.
"""

import typer

from core.commands import comparing, costing, keeping, making, resuming
from core.errors import RoundtripError

app = typer.Typer(
    help="Save a TensorFlow model every way there is, reload each copy in a fresh process, and prove what came back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (making, keeping, comparing, costing, resuming):
    app.add_typer(group.app)


def main() -> None:
    try:
        app()
    except RoundtripError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()

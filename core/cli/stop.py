"""The command that ends what other commands left running: stop."""

import typer

from core.cli.console import AsJson, print_result, print_text

app = typer.Typer(rich_markup_mode=None)


@app.command()
def stop(as_json: AsJson = False) -> None:
    """End the processes that wait, with TensorFlow loaded, for your next command; a command at work fails."""
    from core.worker.kept_process import stop_all

    count = stop_all()
    if as_json:
        print_result({"stopped": count}, True)
    else:
        print_text(f"Stopped {count}." if count else "None was running.")

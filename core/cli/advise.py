"""The command that recommends one copy of a run: advise."""

from typing import Annotated

import typer

from core.adviser import Advice, Place, advise, make_needs
from core.adviser.advice import Choice
from core.adviser.advice_json import advice_to_json
from core.cli.console import (
    AsJson,
    RunId,
    exit_with,
    open_job_store,
    open_library,
    parse_whole_number,
    print_result,
    print_text,
)
from core.text.numbers import format_size

app = typer.Typer(rich_markup_mode=None)


@app.command("advise")
def advise_(
    run: RunId,
    where: Annotated[str, typer.Option(help=f"Where it must run: {', '.join(Place)}.")] = Place.SERVER.value,
    train: Annotated[bool, typer.Option("--train", help="Training must resume from the copy.")] = False,
    code: Annotated[bool, typer.Option("--code", help="The model's own code is at hand where it is loaded.")] = False,
    max_changed: Annotated[str, typer.Option(metavar="ROWS", help="How many answers may change.")] = "0",
    as_json: AsJson = False,
) -> None:
    """Recommend one copy of a run, with reasons and runner-up, by what was measured on its copies."""
    needs = make_needs(
        where, trains_on=train, has_code=code, max_changed=parse_whole_number("max-changed", max_changed)
    )
    library = open_library()
    advice = advise(library, open_job_store(library), run, needs)
    if as_json:
        print_result(advice_to_json(advice), True)
    else:
        _print_advice(advice)
    exit_with(advice.choice is None)


def _print_advice(advice: Advice) -> None:
    print_text(advice.headline)
    if advice.choice:
        _print_choice(advice.choice)
    for sentence in advice.unmeasured:
        print_text(f"  ? {sentence}")
    if advice.runner_up:
        print_text(f"\nRunner-up: {advice.runner_up.label}. {advice.why_second}")
        _print_choice(advice.runner_up)
    if advice.others:
        print_text(f"\nAlso possible: {'; '.join(advice.others)}.")
    if advice.unsaved:
        print_text(f"\nNot saved yet, so not measured: {'; '.join(advice.unsaved.values())}.")
    _print_rejections(advice)
    if advice.code:
        print_text(
            f"\nThe code that saves it\n\n{advice.code.save}\nThe code that loads it again\n\n{advice.code.load}"
        )


def _print_choice(choice: Choice) -> None:
    print_text(f"  {choice.artifact}  {format_size(choice.bytes)}")
    for sentence in choice.reasons:
        print_text(f"  + {sentence}")
    for loss in choice.losses:
        print_text(f"  - {loss.finding} {loss.state}: {loss.words}")
    for sentence in choice.cautions:
        print_text(f"  ! {sentence}")


def _print_rejections(advice: Advice) -> None:
    if advice.rejected:
        print_text("\nNot these:")
    for rejection in advice.rejected:
        print_text(f"  {rejection.label}: {' '.join(rejection.obstacles)}")

"""The jobs of the Upgrade page: the one that it shows, and those that it starts."""

from collections.abc import Callable

import streamlit as st

from core.errors import RoundtripError
from core.jobs.uploads import give_models
from core.library.job_store import Job
from ui.components import show_error
from ui.job_progress import job_from_query
from ui.session import current_jobs
from ui.upgrade.models import ChosenModels
from ui.upgrade.sides import ChosenSides

UPGRADE_BUTTON, BISECT_BUTTON = "check-upgrade", "find-release"
BUTTONS = (UPGRADE_BUTTON, BISECT_BUTTON)


def find_job() -> Job | None:
    """Return the job that the address names, or one that runs."""
    named = st.query_params.get("job")
    if named and current_jobs().job_store.read(named).kind == "bisect":
        return job_from_query("bisect", BUTTONS)
    return job_from_query("upgrade", BUTTONS) or job_from_query("bisect", BUTTONS)


def start_upgrade(models: ChosenModels, sides: ChosenSides, again: bool) -> Job | None:
    """Start asking all models; None where the files were refused, which is said."""
    source, target = sides.source, sides.target
    return _start(models, lambda **given: current_jobs().check_upgrade(source, target, again=again, **given))


def start_bisect(models: ChosenModels, sides: ChosenSides) -> Job | None:
    """Start the search for the release that breaks one model; None where that was refused, which is said."""
    return _start(models, lambda **given: current_jobs().bisect(sides.source, sides.target, **given))


def _start(models: ChosenModels, start: Callable[..., Job]) -> Job | None:
    try:
        if not models.sent.files:
            return start(copies=models.copies)
        given = give_models(current_jobs().library, models.sent.files)._asdict()
        given.pop("parts", None)  # a model has none beside it here
        return start(**given)
    except RoundtripError as error:
        show_error(error)
        return None

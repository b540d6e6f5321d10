"""What a save says of a converter that ends its process, and what an imported run is not offered."""

import pytest

from core.formats import ENVIRONMENT_FORMATS, all_formats, get_format
from core.formats.base import RUNS_CODE_REFUSAL
from core.jobs import Jobs
from tests.factories.misbehaving_worker import misbehave
from tests.helpers import wait_until_done


@pytest.mark.parametrize(("way", "signal"), [("crashing", "SIGABRT"), ("faulting", "SIGSEGV")])
def test_converter_that_ends_by_a_signal_is_named(way, signal, jobs, misbehaving_worker, trained):
    other = Jobs(jobs.library, misbehaving_worker, jobs.config)
    with misbehave(way, "save"):
        row = wait_until_done(other, other.save(trained("digits-mlp"), ["h5"])).result["rows"]["h5"]
    label = get_format("h5").label
    assert row["error"]["code"] == "cannot-save"
    assert row["error"]["sentence"] == f"What writes {label} brought its own process down on this model ({signal})."
    assert row["error"]["cure"] == "Choose another format: the same would happen again."


def test_formats_that_run_code_are_not_offered_to_imported_runs():
    refused = {item.key for item in all_formats() if item.refusal_reason("keras", trust="brought in")}
    not_for_others = {"pickle", *(item.key for item in ENVIRONMENT_FORMATS)}
    assert refused - {item.key for item in all_formats() if item.refusal_reason("keras")} == not_for_others
    assert get_format("pickle").refusal_reason("keras", trust="brought in") == RUNS_CODE_REFUSAL

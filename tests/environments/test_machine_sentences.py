"""One copy over several machines: what is said of it, and the names of places."""

from typing import Any

import pytest

from core.compare import Verdict
from core.compatibility.machines import MachineVerdict, describe_machines
from core.environments.machines import (
    AnsweringMachine,
    describe_answering_machine,
    get_machine,
    list_limits,
    sort_asked,
    split_key,
)
from core.errors import InputError, UnknownName
from core.jobs.comparison.compare_result import describe_compared_machines
from core.jobs.places.known_places import get_place, label_participants
from core.kept_process_lookup import PASSED_VARIABLES
from core.system import INSTRUCTION_LIMITS
from tests.helpers import run_command


def test_sentence_names_each_machine_with_what_became_of_the_copy():
    verdicts = [
        MachineVerdict("here", Verdict.BIT_IDENTICAL),
        MachineVerdict("here@worker:arm-board", Verdict.ROUNDING),
        MachineVerdict("here@worker:mac", Verdict.SOME_CHANGED, 3, 500),
        MachineVerdict("here@sse41", Verdict.ROUNDING),
    ]
    assert describe_machines(verdicts) == (
        "Bit-identical on this machine, the same but for rounding on arm-board and this machine up to SSE4.1, "
        "3 of 500 changed on mac."
    )


def test_environments_are_told_apart_and_this_machine_alone_says_nothing():
    openvino = [MachineVerdict("openvino", Verdict.ROUNDING), MachineVerdict("tract", Verdict.DIFFERENT)]
    assert describe_machines(openvino) == ""
    more = [*openvino, MachineVerdict("openvino@avx2", Verdict.BIT_IDENTICAL)]
    assert describe_machines(more) == (
        "In OpenVINO 2026.4: the same but for rounding on this machine, bit-identical on this machine up to AVX2."
    )


def test_comparison_speaks_of_the_copies_that_were_on_several_machines():
    outcome: dict[str, Any] = {"verdict": "rounding", "changed_rows": 0, "rows": 5}
    outcomes = {"a1": outcome, "a1@here@worker:arm": outcome | {"verdict": "bit-identical"}, "a2": outcome}
    assert describe_compared_machines(outcomes) == {
        "a1": "The same but for rounding on this machine, bit-identical on arm."
    }


@pytest.mark.parametrize(
    ("text", "key", "label"),
    [
        ("tract", "tract", "tract 0.23"),
        ("openvino@sse41", "openvino@sse41", "OpenVINO 2026.4, this machine up to SSE4.1"),
        ("worker:arm-board", "here@worker:arm-board", "Roundtrip, on arm-board"),
        ("openvino@worker:arm-board", "openvino@worker:arm-board", "OpenVINO 2026.4, on arm-board"),
    ],
)
def test_place_is_an_environment_a_machine_or_both(text: str, key: str, label: str):
    place = get_place(text)
    assert (place.key, place.label) == (key, label)
    assert label_participants([f"a0123456789@{key}"], {})[f"a0123456789@{key}"].endswith(f", in {label}")


def test_place_of_no_machine_or_worker_is_refused():
    for text, error in {"tract@abacus": UnknownName, "mars@sse41": UnknownName, "worker:a/b": InputError}.items():
        with pytest.raises(error):
            get_place(text)
    assert sort_asked(["x@sse41", "tract@worker:b", "here@avx2", "tract", "tract@abacus"]) == [
        "here@avx2",
        "tract",
        "tract@worker:b",
    ]


def test_machine_of_an_answer_says_what_limits_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    machine = describe_answering_machine(get_machine("sse41").variables, is_single_thread=True)
    assert (machine.limits, machine.threads) == ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, 1)
    assert list_limits() == {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    facts = {"instruction_sets": ["avx2", "fma"], "limits": {"A": "B"}, "threads": 2}
    words = AnsweringMachine(system="Linux 6", processor="x", **facts).words
    assert words == "x; Linux 6; avx2, fma; 2 threads; limited by A=B"
    assert set(INSTRUCTION_LIMITS) <= set(PASSED_VARIABLES)
    assert split_key("worker:b") == ("here", "worker:b")


def test_elsewhere_on_a_worker_needs_a_team(trained, run_cli):
    status, _, errors = run_command("elsewhere", trained("digits-mlp"), "--on", "arm-board")
    assert (status, "There are no workers here" in errors) == (1, True)

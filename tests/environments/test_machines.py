"""Kinds of machine: which variables change what an engine answers here, and how a copy is asked on one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.environments import get_environment
from core.environments.base import Environment
from core.environments.machines import (
    MACHINES,
    Machine,
    find_asked,
    get_asked_environment,
    get_machine,
    limit_environment,
    split_key,
)
from core.environments.own import find_own, own_environment
from core.environments.pool import WarmProcesses
from core.errors import UnknownName
from core.exports.proof_kit import unpacked_kit
from core.jobs import Jobs
from core.jobs.kinds import KINDS
from core.settings import Settings
from tests.factories.environment_kits import borrow_own_packages
from tests.helpers import are_bit_identical, wait_until_done

# Engines of our own packages by the format that they are asked, and the machines that change bits of its answers.
BITING = {"keras": ["avx2", "sse41", "no-onednn"], "openvino": ["avx2", "sse41"], "onnx": [], "litert": []}
NO_MACHINE = {  # variables that change products of NumPy, or nothing
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX2 FMA3",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
}
ENGINES = {"openvino": "openvino", "onnx": "onnxruntime-plain", "litert": "litert-reference"}


def test_environment_on_a_machine_is_the_same_packages_with_its_variables():
    plain, limited = get_environment("litert-reference"), get_asked_environment("litert-reference@sse41")
    assert limited.variables == {**plain.variables, "ONEDNN_MAX_CPU_ISA": "SSE41"}
    assert (limited.folder_name, limited.key) == (plain.folder_name, "litert-reference@sse41")
    assert limited.label == "LiteRT, reference kernels, this machine up to SSE4.1"
    assert split_key(limited.key) == ("litert-reference", "sse41")


def test_roundtrip_itself_is_an_environment_on_another_machine_only(config: Settings):
    limited = get_asked_environment("here@avx2")
    assert find_asked(config, limited) == find_own(config)
    assert limited.folder_name == own_environment().folder_name
    for key in ("here", "here@abacus", "mars@avx2"):
        with pytest.raises(UnknownName):
            get_asked_environment(key)


def test_worker_needs_an_environment_and_no_machine():
    request = {"environments": ["openvino@sse41", "here@avx2"]}
    assert KINDS["elsewhere"].requirements(request).environments == ("openvino",)


@pytest.mark.parametrize(
    ("environment", "format_key", "machines"),
    [
        (own_environment(), "keras", ["avx2", "sse41", "no-onednn"]),
        (own_environment(), "onnx", []),
        (get_environment("openvino"), "onnx", ["avx2", "sse41"]),
        (get_environment("tract"), "onnx", []),
        (get_environment("keras-3.3"), "keras", ["avx2", "sse41", "no-onednn"]),
    ],
    ids=lambda item: item.key if isinstance(item, Environment) else None,
)
def test_machine_limits_only_what_it_was_seen_to_change(environment: Environment, format_key: str, machines: list[str]):
    assert [machine.key for machine in MACHINES if machine.limits(environment, format_key)] == machines


def has_avx512() -> bool:
    path = Path("/proc/cpuinfo")
    return path.is_file() and "avx512f" in path.read_text()


@pytest.mark.long
@pytest.mark.timeout(600)  # each machine is a process that imports its engine
@pytest.mark.skipif(not has_avx512(), reason="what fewer instructions change was seen with AVX-512")
@pytest.mark.parametrize("format_key", BITING)
def test_variables_change_bits_in_the_engines_that_they_are_listed_for(
    jobs: Jobs, saved: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_key: str
):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    built = borrow_own_packages(tmp_path / "own")
    plain = own_environment() if format_key == "keras" else get_environment(ENGINES[format_key])
    machines = [
        Machine("again", "Again"),
        Machine("none", "None", variables=NO_MACHINE),
        *(get_machine(key) for key in BITING["keras"]),
    ]
    with (
        WarmProcesses(jobs.config) as pool,
        unpacked_kit(jobs.library, saved("digits-cnn", format_key)["artifact"]) as kit,
    ):
        expected = pool.ask(plain, built, kit).predictions
        changing = []
        for machine in machines:
            there = pool.ask(limit_environment(plain, machine), built, kit).predictions
            changing += [] if are_bit_identical(expected, there) else [machine.key]
    assert changing == BITING[format_key]


@pytest.mark.long
@pytest.mark.skipif(not has_avx512(), reason="what fewer instructions change was seen with AVX-512")
def test_copy_is_asked_on_a_machine_with_fewer_instructions(jobs: Jobs, saved: Callable):
    artifact = saved("digits-cnn", "keras")["artifact"]
    run = jobs.library.artifact(artifact).run
    result = wait_until_done(jobs, jobs.ask_elsewhere(run, ["here@sse41"], [artifact])).result
    cell = result["rows"][artifact]["cells"]["here@sse41"]
    assert (cell["verdict"], 0 < cell["max_abs"] < 1e-4) == ("rounding", True)


def test_limited_environments_of_one_kind_share_a_lock():
    environment = replace(get_environment("tract"), lock="")
    assert limit_environment(environment, get_machine("avx2")).lock_path == environment.lock_path

"""Processes of environments: what is asked, what stays warm, and what becomes of engines that misbehave."""

import dataclasses
import errno
import sys
from pathlib import Path

import pytest

from core.compare import Verdict
from core.environments.judge import judge_kit
from core.environments.kits import read_kit
from core.environments.pool import WarmProcesses
from core.environments.process import EnvironmentProcess, list_base_paths
from core.errors import Cancelled, Damaged, InputError, NotBuilt
from core.sandbox.limits import confined_allowance
from core.sandbox.policy import leave_out_private
from core.sandbox.program import CANNOT_CONFINE
from core.settings import PROJECT, Settings
from tests.factories.environment_kits import borrow_own_packages, make_engine, make_kit, write_kit
from tests.helpers import wait_until

pytestmark = pytest.mark.trust
REFUSING = Path(__file__).with_name("refusing_landlock.py")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux confines")


def list_boxes(config: Settings) -> set[str]:
    return {path.name for path in (config.home / "staging").glob("*-boxes*")}


def test_second_ask_is_answered_by_the_same_process(judge, processes: WarmProcesses):
    first = judge("doubles")
    (process, _), *_ = processes._idle.values()
    second = judge("doubles")
    assert [first.verdict, second.verdict] == 2 * [Verdict.BIT_IDENTICAL]
    assert first.seconds["import"] == second.seconds["import"]
    assert [each for each, _ in processes._idle.values()] == [process]
    assert set(first.versions) == {"python", "numpy"}


@pytest.mark.parametrize(
    ("engine", "verdict", "sentence"),
    [
        ("triples", Verdict.DIFFERENT, "The largest difference is 7"),
        ("reverses", Verdict.DIFFERENT, "The largest difference is 12"),
        ("one_row", Verdict.NOT_COMPARABLE, "It gives predictions of another shape"),
        ("text", Verdict.NOT_COMPARABLE, "It gives another kind of value"),
        ("no_output", Verdict.NOT_COMPARABLE, "It does not give all outputs"),
        ("refuses", Verdict.DOES_NOT_LOAD, "The class 'Dense' that was found takes other arguments"),
        ("no_package", Verdict.NOT_VERIFIED, "The Python package 'a_package_that_nobody_has'"),
        ("dies", Verdict.DOES_NOT_LOAD, "ended before it answered: it was ended by the system with SIGSEGV"),
        ("lies", Verdict.DOES_NOT_LOAD, "The reply of a child makes no sense"),
        ("floods", Verdict.DOES_NOT_LOAD, "The reply of a child makes no sense"),
        ("not_a_version", Verdict.DOES_NOT_LOAD, "The reply of a child makes no sense"),
        ("not_a_time", Verdict.DOES_NOT_LOAD, "The reply of a child makes no sense"),
        ("closes_stdout", Verdict.DOES_NOT_LOAD, "ended before it answered: it hung up without a reply"),
        ("fails_import", Verdict.NOT_VERIFIED, "a library of this engine is missing"),
        ("unwritable", Verdict.NOT_VERIFIED, "No space left on device"),
    ],
)
def test_misbehaving_engine_is_one_sentence(judge, config: Settings, engine: str, verdict: Verdict, sentence: str):
    before = list_boxes(config)
    outcome = judge(engine)
    assert outcome.verdict is verdict
    assert sentence in outcome.cause
    assert judge("doubles").verdict is Verdict.BIT_IDENTICAL
    assert len(list_boxes(config) - before) <= 2


def test_process_that_says_more_than_its_replies_is_ended(judge, processes: WarmProcesses):
    assert judge("chatters").verdict is Verdict.BIT_IDENTICAL
    wait_until(lambda: not any(process.is_running for process, _ in processes._idle.values()))


def test_kit_is_placed_in_place_of_the_one_before(processes: WarmProcesses, tmp_path: Path):
    built, engine = borrow_own_packages(tmp_path / "own"), make_engine("doubles")
    for identity in ("first", "second"):
        processes.ask(engine, built, make_kit(tmp_path / "kit", identity=identity))
    ((process, _),) = processes._idle.values()
    assert [path.name for path in (process._folder / "in").iterdir()] == ["second"]


def test_environment_is_not_removed_while_it_is_asked(processes: WarmProcesses, tmp_path: Path):
    first, second = (make_engine("doubles", key=key, lock="tract") for key in ("first", "second"))
    built, tries = borrow_own_packages(tmp_path / first.folder_name), []

    def try_to_close() -> bool:
        with pytest.raises(InputError, match="Copies are being asked in this environment"):
            processes.close_environment(second)  # which lies in the same folder
        return bool(tries.append(1))

    processes.ask(first, built, make_kit(tmp_path / "kit"), try_to_close)
    assert tries
    assert len(processes._idle) == 1
    processes.close_environment(second)
    assert processes._idle == {}


def test_kit_that_finds_no_room_says_nothing_of_the_copy(processes: WarmProcesses, tmp_path: Path):
    def write_half(folder: Path) -> None:
        folder.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    built, engine, kit = borrow_own_packages(tmp_path / "own"), make_engine("doubles"), make_kit(tmp_path / "kit")
    processes.ask(engine, built, make_kit(tmp_path / "kit", identity="other"))
    failed = judge_kit(processes, engine, built, dataclasses.replace(kit, write=write_half))
    assert (failed.verdict, failed.error["code"]) == (Verdict.NOT_VERIFIED, "storage")
    assert judge_kit(processes, engine, built, kit).verdict is Verdict.BIT_IDENTICAL


def test_dead_engine_leaves_its_last_words_and_no_files(judge, config: Settings, processes: WarmProcesses):
    before = list_boxes(config)
    outcome = judge("dies")
    assert "the last words" in outcome.error["detail"]
    assert list_boxes(config) == before
    assert processes._idle == {}


def test_hanging_engine_is_stopped_at_its_limit(judge, config: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    with WarmProcesses(config.model_copy(update={"child_seconds": 2.0})) as pool:
        outcome = judge("hangs", pool=pool)
    assert outcome.verdict is Verdict.NOT_VERIFIED
    assert outcome.cause == "It did not answer within its limit of 2 seconds, and was stopped."


def test_cancelled_ask_ends_its_process(processes: WarmProcesses, config: Settings, tmp_path: Path):
    before, asked = list_boxes(config), []
    built, kit = borrow_own_packages(tmp_path / "own"), make_kit(tmp_path / "kit")
    with pytest.raises(Cancelled):
        processes.ask(make_engine("hangs"), built, kit, lambda: len(asked) > 3 or asked.append(1))
    assert (list_boxes(config), processes._idle) == (before, {})


def test_idle_process_is_ended(config: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    before, built = list_boxes(config), borrow_own_packages(tmp_path / "own")
    with WarmProcesses(config.model_copy(update={"environment_idle_seconds": 0.1})) as pool:
        pool.ask(make_engine("doubles"), built, make_kit(tmp_path / "kit"))
        wait_until(lambda: not pool._idle and list_boxes(config) == before)


def test_changed_environment_is_not_used(config: Settings, tmp_path: Path):
    built, kit = borrow_own_packages(tmp_path / "own"), make_kit(tmp_path / "kit")
    with WarmProcesses(config) as pool, pytest.raises(NotBuilt, match="changed after it was built"):
        pool.ask(make_engine("doubles"), built, kit)


@linux
def test_process_of_environment_sees_no_display_and_sends_no_usage_data(judge, processes: WarmProcesses, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    judge("doubles")
    (process, _), *_ = processes._idle.values()
    text = Path(f"/proc/{process._process.pid}/environ").read_text()
    variables = dict(item.split("=", 1) for item in text.split("\0") if item)
    assert variables == process._environment()
    assert variables["ORT_DISABLE_TELEMETRY"] == "1"
    assert "DISPLAY" not in variables


@linux
@pytest.mark.parametrize("forks", [False, True])
def test_untrusted_kit_is_asked_in_a_confined_process(judge, forks: bool):
    outcome = judge("escapes", is_untrusted=True, forks=forks)
    assert outcome.error["detail"].startswith("ValueError: it could: read the kit; display None")
    assert judge("doubles", is_untrusted=True, forks=forks).verdict is Verdict.BIT_IDENTICAL


@linux
def test_forking_process_outlives_the_kits_that_end_theirs(judge, processes: WarmProcesses):
    died = judge("dies", is_untrusted=True, forks=True)
    ((process, _),) = processes._idle.values()
    assert (died.verdict, process.is_running) == (Verdict.DOES_NOT_LOAD, True)
    assert "ended before it answered: it was ended by the system with SIGSEGV" in died.cause
    assert "the last words" in died.error["detail"]
    assert judge("dies", is_untrusted=True, forks=True).cause == died.cause
    assert [each for each, _ in processes._idle.values()] == [process]


@linux
def test_forked_kit_finds_nothing_of_the_one_before(judge, processes: WarmProcesses):
    first, second = (judge("leaves", is_untrusted=True, forks=True) for _ in range(2))
    assert first.error["detail"].startswith("ValueError: found nothing; process ")
    assert second.error["detail"].startswith("ValueError: found nothing; process ")
    assert first.error["detail"] != second.error["detail"]
    assert len(processes._idle) == 1


@linux
@pytest.mark.parametrize("forks", [False, True])
def test_forked_process_looks_for_no_garbage_in_what_was_imported(processes, tmp_path: Path, forks: bool):
    kit = dataclasses.replace(make_kit(tmp_path / "kit", is_untrusted=True), expected=None)
    reply = processes.ask(make_engine("numbered", forks=forks), borrow_own_packages(tmp_path / "own"), kit)
    assert (int(reply.predictions["frozen"][0]) > 1_000) is forks


@linux
def test_forked_kit_is_not_asked_where_nothing_confines(judge, config: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.sandbox.policy.landlock.__file__", str(REFUSING))
    outcome = judge("doubles", is_untrusted=True, forks=True)
    assert (outcome.verdict, outcome.error["code"]) == (Verdict.NOT_VERIFIED, "not-confined")
    with WarmProcesses(config.model_copy(update={"run_unconfined": True})) as pool:
        assert judge("doubles", is_untrusted=True, forks=True, pool=pool).verdict is Verdict.BIT_IDENTICAL


@linux
def test_forked_kit_is_not_asked_where_its_process_gets_no_limits(judge, config: Settings, monkeypatch):
    monkeypatch.setattr("core.environments.process.LAUNCHER", ("-c", f"raise SystemExit({CANNOT_CONFINE})"))
    assert judge("doubles", is_untrusted=True, forks=True).error["code"] == "not-confined"
    with WarmProcesses(config.model_copy(update={"run_unconfined": True})) as pool:
        assert judge("doubles", is_untrusted=True, forks=True, pool=pool).verdict is Verdict.BIT_IDENTICAL


@linux
@pytest.mark.parametrize("forks", [False, True])
def test_what_a_kit_claims_of_its_process_is_not_believed(judge, config: Settings, forks: bool, monkeypatch):
    started, launch = [], EnvironmentProcess._launch
    monkeypatch.setattr(
        EnvironmentProcess,
        "_launch",
        lambda self, is_confined: started.append(is_confined) or launch(self, is_confined),
    )
    with WarmProcesses(config.model_copy(update={"run_unconfined": True})) as pool:
        assert judge("claims_more", is_untrusted=True, forks=forks, pool=pool).verdict is Verdict.BIT_IDENTICAL
        assert "stopped with status 71" in judge("ends_as_unconfined", is_untrusted=True, forks=forks, pool=pool).cause
        assert "it could: read the kit;" in judge("escapes", is_untrusted=True, forks=forks, pool=pool).error["detail"]
    assert started == [True, True, True]


@linux
def test_forked_kit_finds_nothing_open_but_its_reply(judge):
    outcome = judge("keeps_open", is_untrusted=True, forks=True)
    assert outcome.error["detail"].startswith("ValueError: open: pipe, pipe; read b''")


@linux
def test_forked_kit_that_ends_its_process_is_asked_once(judge, monkeypatch: pytest.MonkeyPatch):
    asked, ask = [], EnvironmentProcess.ask
    monkeypatch.setattr(EnvironmentProcess, "ask", lambda self, *given: asked.append(self) or ask(self, *given))
    for _ in range(2):
        assert judge("dies", is_untrusted=True, forks=True).verdict is Verdict.DOES_NOT_LOAD
    assert len(asked) == 2


@linux
def test_forked_kit_is_ended_at_its_processor_time(judge, config: Settings):
    few = config.model_copy(update={"confined_cpu_seconds": 1, "converting_times": 1})
    with WarmProcesses(few) as pool:
        outcome = judge("spins", is_untrusted=True, forks=True, pool=pool)
    assert outcome.cause == "It used up its 1 seconds of processor time, and was stopped."


@linux
def test_confined_process_starts_only_the_programs_that_are_named(judge, tmp_path: Path):
    named = Path(sys.executable).name
    outcome = judge("escapes", is_untrusted=True, programs=(f"venv/bin/{named}",))
    assert "it could: start itself, read the kit" in outcome.error["detail"]


@linux
def test_untrusted_kit_is_not_asked_where_nothing_confines(judge, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.environments.process.LAUNCHER", ("-c", f"raise SystemExit({CANNOT_CONFINE})"))
    outcome = judge("doubles", is_untrusted=True)
    assert (outcome.verdict, outcome.rows) == (Verdict.NOT_VERIFIED, None)
    assert outcome.cause.startswith("What was imported is not run here")


@linux
def test_kit_is_asked_unconfined_only_where_nothing_confines(judge, config: Settings, monkeypatch: pytest.MonkeyPatch):
    with WarmProcesses(config.model_copy(update={"run_unconfined": True})) as pool:
        assert "it could: read the kit;" in judge("escapes", is_untrusted=True, pool=pool).error["detail"]
        assert "stopped with status 71" in judge("ends_as_unconfined", is_untrusted=True, pool=pool).cause
        monkeypatch.setattr("core.environments.process.LAUNCHER", ("-c", f"raise SystemExit({CANNOT_CONFINE})"))
        assert judge("doubles", is_untrusted=True, pool=pool).verdict is Verdict.BIT_IDENTICAL


@linux
def test_confined_process_has_the_limits_of_a_conversion(judge, config: Settings, processes: WarmProcesses):
    import resource

    assert judge("doubles", is_untrusted=True).verdict is Verdict.BIT_IDENTICAL
    ((process, _),) = processes._idle.values()
    allowed = confined_allowance(config, 4096, converts=True)
    seconds, _ = resource.prlimit(process._process.pid, resource.RLIMIT_CPU)
    assert allowed.cpu_seconds <= seconds < allowed.cpu_seconds + 60
    assert resource.prlimit(process._process.pid, resource.RLIMIT_AS)[0] == allowed.address_space


@linux
def test_confined_process_is_ended_at_its_processor_time(judge, config: Settings):
    few = config.model_copy(update={"confined_cpu_seconds": 1, "converting_times": 1})
    with WarmProcesses(few) as pool:
        outcome = judge("spins", is_untrusted=True, pool=pool)
    assert outcome.verdict is Verdict.NOT_VERIFIED
    assert outcome.cause == "It used up its 1 seconds of processor time, and was stopped."


def test_untrusted_kit_is_not_asked_where_the_engine_needs_more(judge):
    reason = "It links through a shell."
    outcome = judge("doubles", is_untrusted=True, cannot_confine=reason)
    assert (outcome.verdict, outcome.cause) == (Verdict.NOT_VERIFIED, reason)
    assert judge("doubles", cannot_confine=reason).verdict is Verdict.BIT_IDENTICAL


def test_paths_of_here_contain_neither_home_nor_library(tmp_path: Path, config: Settings):
    built, library = borrow_own_packages(tmp_path / "own"), tmp_path / "library"
    prefix = Path(sys.prefix).resolve()
    assert prefix in list_base_paths(built, library)
    assert prefix not in list_base_paths(built, prefix / "library")
    assert leave_out_private([Path("/"), Path.home().resolve(), PROJECT.resolve(), tmp_path], library) == []


def test_error_of_engine_names_no_folder_of_ours(judge, config: Settings):
    error = judge("refuses").error
    assert error["detail"].startswith("ValueError: …/in/kit: Unrecognized keyword")
    assert str(config.home) not in str(error)


@pytest.mark.parametrize("name", ["inputs.npz", "kit.json", "artifact/model.onnx"])
def test_cut_or_changed_kit_is_refused(tmp_path: Path, name: str):
    folder = write_kit(tmp_path / "kit")
    assert read_kit(folder)["format"] == "onnx"
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(Damaged, match="cut or was changed"):
        read_kit(folder)


def test_kit_that_names_files_outside_is_refused(tmp_path: Path):
    folder = write_kit(tmp_path / "kit")
    text = (folder / "kit.json").read_text()
    (folder / "kit.json").write_text(text.replace("artifact/model.onnx", "../outside"))
    (tmp_path / "outside").write_bytes(b"doubles")
    with pytest.raises(Damaged, match="outside"):
        read_kit(folder)

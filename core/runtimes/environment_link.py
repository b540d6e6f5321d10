"""Formats that are written and read with other packages than ours: in a process of their environment.

The process belongs to whoever started it, a child of the worker as a rule, and ends with it. It is asked through files
in a folder of its own, with one line of JSON each way, as `core/environments/scripts/run_kit.py` says.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import numpy as np

from core.arrays import Arrays, NamedArrays, encode_npz
from core.environments.base import SCRIPTS, Environment
from core.error_translation import translate_engine_error
from core.errors import CannotSave, DoesNotLoad, PackageMissing, RoundtripError, TimedOut, cleanup_on_error
from core.runtimes.base import Predictor, join_remarks
from core.runtimes.specs import Spec
from core.settings import Settings, get_settings

PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
Written = TypeVar("Written")
MAX_PRINTED = 4000  # characters of what it prints that go into an error


def find_python(environment: Environment, config: Settings | None = None) -> Path:
    """Return the interpreter of an environment. Raises PackageMissing where it is not built."""
    folder = (config or get_settings()).environments_folder / environment.folder_name
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "built.json").is_file() or not python.exists():
        raise PackageMissing(
            "This format is written and read with packages that are not built here.",
            received=environment.label,
            cure=f"Build them ({environment.megabytes:,} MB): roundtrip environments build {environment.key}",
        )
    return python


@contextlib.contextmanager
def _limit_time(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """End a process that takes longer, and set the event."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()


class EnvironmentLink:
    """A process of an environment, and the folder through which it is asked. It ends with this object."""

    def __init__(self, environment: Environment):
        python = find_python(environment)
        self.environment = environment
        self._temporary = tempfile.TemporaryDirectory(prefix="roundtrip-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._printed = (self.folder / "printed.txt").open("w+b")
        own = str(self.folder)
        passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        fixed = {"HOME": own, "TMPDIR": own, "TEMP": own, "TMP": own, "CUDA_VISIBLE_DEVICES": "-1"}
        self._process = subprocess.Popen(
            [python, "-I", SCRIPTS / "run_kit.py", environment.script_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            cwd=self.folder,
            env=passed | fixed | {"TF_CPP_MIN_LOG_LEVEL": "2"} | dict(environment.variables),
        )
        self._finalizer = weakref.finalize(self, _end, self._process, self._printed, self._temporary)

    def ask(self, task: str, given: Path, out: Path, error: type[RoundtripError]) -> dict[str, Any]:
        """Have a task done. Raises `error` with what the engine said, or that its process ended, and TimedOut."""
        line = json.dumps({"id": "1", "task": task, "kit": str(given), "out": str(out)}).encode() + b"\n"
        try:
            reply: dict[str, Any] = json.loads(self._exchange(line))
        except (OSError, ValueError) as ended:
            sentence = f"The process of {self.environment.label} ended before it had answered."
            cure = "Try once more; if it happens again, the details may say why."
            raise error(sentence, cure=cure, detail=self._read_printed()) from ended
        if "error" in reply:
            text = reply["text"].replace(str(self.folder), "…")
            raise translate_engine_error(reply["error"], text, error)
        return reply

    def _exchange(self, line: bytes) -> bytes:
        """Return the line that it answers to another; it is ended where that takes too long. Raises TimedOut."""
        stdin, stdout = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        seconds = get_settings().child_seconds
        with _limit_time(self._process, seconds) as is_late:
            stdin.write(line)
            stdin.flush()
            answer = stdout.readline()
        if is_late.is_set() and not answer:
            sentence = f"It did not answer within its limit of {seconds:g} seconds, and was stopped."
            cure = "Raise ROUNDTRIP_CHILD_SECONDS, or take another format."
            raise TimedOut(sentence, received=self.environment.label, cure=cure, detail=self._read_printed())
        return answer

    def _read_printed(self) -> str:
        self._printed.seek(0)
        return self._printed.read()[-MAX_PRINTED:].decode("utf-8", "replace").replace(str(self.folder), "…").strip()

    def close(self) -> None:
        """End the process, and delete its folder."""
        self._finalizer()


def _end(process: subprocess.Popen[bytes], printed: BinaryIO, folder: tempfile.TemporaryDirectory[str]) -> None:
    with process:  # which closes its pipes, and waits
        process.kill()
    printed.close()
    folder.cleanup()


def save_in_environment(environment: Environment, write: Callable[[Path], Written], folder: Path) -> Written:
    """Have the script of an environment write a copy into a folder, of what `write` puts into the one it is called
    with; returns what `write` returned.

    Raises PackageMissing, before anything is written, CannotSave and TimedOut.
    """
    with contextlib.closing(EnvironmentLink(environment)) as link:
        given = link.folder / "given"
        (given / "artifact").mkdir(parents=True)
        written = write(given / "artifact")
        link.ask("save", given, folder, CannotSave)
    return written


def load_in_environment(environment: Environment, folder: Path) -> Predictor:
    """Return the predictor over a copy that a process of an environment holds; its model is a `LinkedCopy`.

    Raises DoesNotLoad, PackageMissing and TimedOut.
    """
    link = EnvironmentLink(environment)
    with cleanup_on_error(link.close):
        copy = LinkedCopy(link, folder)
        facts = copy.read()
    specs = tuple(Spec(name, dtype, tuple(shape)) for name, dtype, shape in facts["inputs"])
    return Predictor(
        copy,
        specs,
        copy.predict,
        weights=lambda: copy.read_variables("weights"),
        optimizer_state=lambda: copy.read_variables("optimizer"),
        remark=join_remarks(f"It answers in the environment {environment.label}.", facts["note"]),
        is_apart=True,
    )


class LinkedCopy:
    """A copy in a process of its environment, which writes what it says of it into the folder `out`."""

    def __init__(self, link: EnvironmentLink, folder: Path):
        self._link, self._kit, self.out = link, link.folder / "kit", link.folder / "out"
        self._kit.mkdir()
        self.out.mkdir()
        (self._kit / "artifact").symlink_to(folder.resolve(), target_is_directory=True)

    def read(self) -> dict[str, Any]:
        """Load it where it is not loaded, and have its variables written; returns the facts."""
        return self._link.ask("read", self._kit, self.out, DoesNotLoad)

    def read_variables(self, which: str) -> NamedArrays:
        """Return its variables as they are now."""
        self.read()
        return [(name.partition("/")[2], array) for name, array in _read_arrays(self.out / f"{which}.npz").items()]

    def predict(self, inputs: Arrays) -> Arrays:
        """Predict outputs by name."""
        (self._kit / "inputs.npz").write_bytes(encode_npz(inputs, compresses=False))
        self._link.ask("predict", self._kit, self.out, DoesNotLoad)
        return _read_arrays(self.out / "predictions.npz")


def _read_arrays(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive}

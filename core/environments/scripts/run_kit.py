"""Run proof kits with the packages of this interpreter: predictions as NPZ, facts as JSON.

    python -I run_kit.py SCRIPT KIT OUT     one kit; OUT gets predictions.npz and facts.json
    python -I run_kit.py SCRIPT             kits as they are asked for: a line of JSON in, a line of JSON out

SCRIPT is the module of an engine beside this one. It says by its names how a kit is asked there:

    MODULES         what is imported first, and timed as the import
    DISTRIBUTIONS   the packages whose versions are reported
    load(kit)       returns a function from inputs by name to outputs by name, batch first
    DEVICE, NOTE    what computes, and what a reader should know, where there is something to say

The script of a format, which is written and read here (see `core.runtimes.environment_link`), has two names more:

    save(given, folder)   writes a copy of what lies in a folder into another
    read(predict, out)    says of what `load` returned: "inputs" as lists of name, dtype and shape; "weights" and
                          "optimizer" as pairs of name and array; and may write more into the folder `out`

A kit that is asked for again is predicted again and not loaded again. Nothing here imports Roundtrip; it needs NumPy,
and what the engine needs.
"""

import contextlib
import ctypes
import importlib
import json
import os
import platform
import signal
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

PREDICTIONS, FACTS = "predictions.npz", "facts.json"
MAX_TEXT = 4000  # characters of an error that are passed on
PR_SET_PDEATHSIG = 1


class Engine:
    """The module of an engine, what it has loaded last, and what it took."""

    def __init__(self, path):
        self.path, self.seconds = path, {}
        self.module: Any = None
        self.loaded: Any = (None, None)

    def run(self, kit, out):
        """Predict the inputs of a kit; returns the facts."""
        stage = "import"
        try:
            self._import()
            stage = "load"
            self._load(kit)
            stage = "predict"
            predictions, again = self._predict(kit)
            stage = "write"
            write_predictions(Path(out) / PREDICTIONS, predictions)
        except BaseException as error:  # noqa: BLE001  whatever a library raises, it is this kit's result
            return {"stage": stage, "error": type(error).__name__, "text": str(error)[-MAX_TEXT:]}
        return self._facts() | {"seconds": self.seconds | {"predict": again}}

    def save(self, given, out):
        """Write a copy; returns the facts."""
        stage = "import"
        try:
            self._import()
            stage = "save"
            started = time.perf_counter()
            self.module.save(given, out)
        except BaseException as error:  # noqa: BLE001  whatever a library raises, it is this copy's result
            return {"stage": stage, "error": type(error).__name__, "text": str(error)[-MAX_TEXT:]}
        return self._facts() | {"seconds": self.seconds | {"save": time.perf_counter() - started}}

    def read(self, kit, out):
        """Load a copy, and write its variables; returns the facts with its inputs."""
        stage = "import"
        try:
            self._import()
            stage = "load"
            self._load(kit)
            stage = "read"
            told = self.module.read(self.loaded[1], Path(out))
            for name in ("weights", "optimizer"):  # by their places: two may have one name
                arrays = {f"{at}/{key}": array for at, (key, array) in enumerate(told[name])}
                write_predictions(Path(out) / f"{name}.npz", arrays)
        except BaseException as error:  # noqa: BLE001  whatever a library raises, it is this copy's result
            return {"stage": stage, "error": type(error).__name__, "text": str(error)[-MAX_TEXT:]}
        return self._facts() | {"seconds": self.seconds, "inputs": told["inputs"]}

    def _import(self):
        if self.module is None:
            started = time.perf_counter()
            module = importlib.import_module(Path(self.path).stem)
            for name in module.MODULES:
                importlib.import_module(name)
            self.module, self.seconds["import"] = module, time.perf_counter() - started

    def _load(self, kit):
        if self.loaded[0] != kit:
            self.loaded = (None, None)
            started = time.perf_counter()
            self.loaded = (kit, self.module.load(Path(kit)))
            self.seconds["load"] = time.perf_counter() - started

    def _predict(self, kit):
        import numpy as np

        with np.load(Path(kit) / "inputs.npz", allow_pickle=False) as archive:
            inputs = {name: archive[name] for name in archive}
        started = time.perf_counter()
        outputs = self.loaded[1](inputs)
        return {name: np.asarray(array) for name, array in outputs.items()}, time.perf_counter() - started

    def _facts(self):
        versions = {"python": platform.python_version()}
        for name in self.module.DISTRIBUTIONS:
            versions[name] = installed_version(name)
        return {
            "versions": versions,
            "device": getattr(self.module, "DEVICE", "CPU"),
            "note": getattr(self.module, "NOTE", ""),
        }


def installed_version(name):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def write_predictions(path, predictions):
    """Write arrays whole or not at all; text becomes Unicode."""
    import numpy as np

    new = path.with_suffix(".new.npz")
    with zipfile.ZipFile(new, "w") as archive:  # savez has arguments of its own, which an output may be called like
        for name, array in predictions.items():
            plain = array.astype(str) if array.dtype.kind in "SO" else array
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, plain, allow_pickle=False)
    os.replace(new, path)


def serve(engine):
    """Answer requests until the standard input ends. What libraries print goes to the standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in requests():
        request = json.loads(line)
        task = {"save": engine.save, "read": engine.read}.get(request.get("task"), engine.run)
        reply = {"id": request["id"]} | task(request["kit"], request["out"])
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def requests():
    """Yield lines of the standard input; where it ends, so does this process, whatever it is doing."""
    import queue

    waiting: Any = queue.Queue()

    def read():
        for line in sys.stdin:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


def die_with_parent():
    """Ask Linux to end this process with the one that started it."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments):
    script, *rest = arguments
    sys.path.insert(0, str(Path(script).resolve().parent))  # python -I leaves it out; scripts share loaders
    engine = Engine(script)
    if not rest:
        die_with_parent()
        serve(engine)
        return 0
    kit, out = rest
    facts = engine.run(str(Path(kit).resolve()), out)
    (Path(out) / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(facts["text"] if "error" in facts else f"Predictions are in {Path(out) / PREDICTIONS}.")
    return int("error" in facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

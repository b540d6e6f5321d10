"""Run proof kits with the packages of this interpreter: predictions as NPZ, facts as JSON.

    python -I run_kit.py SCRIPT KIT OUT     one kit; OUT gets predictions.npz and facts.json
    python -I run_kit.py SCRIPT             kits as they are asked for: a line of JSON in, a line of JSON out
    python -I run_kit.py SCRIPT --fork=JSON the same, each in a process of its own that is forked after the import

SCRIPT is the module of an engine beside this one. It says by its names how a kit is asked there:

    MODULES         what is imported first, and timed as the import
    DISTRIBUTIONS   the packages whose versions are reported
    load(kit)       returns a function from inputs by name to outputs by name, batch first
    describe(kit)   returns name, dtype and shape of what the model takes, where the engine can tell
    convert(kit, kind, folder)  writes the model in another format, where the engine can
    DEVICE, NOTE    what computes, and what a reader should know, where there is something to say; what it should know
                    of this model alone is `note` of the function that `load` returned

The script of a format, which is written and read here (see `core.runtimes.environment_link`), has two names more:

    save(given, folder)   writes a copy of what lies in a folder into another
    read(predict, out)    says of what `load` returned: "inputs" as lists of name, dtype and shape; "weights" and
                          "optimizer" as pairs of name and array; and may write more into the folder `out`

A kit that is asked for again is predicted again, and not loaded again unless that is asked for. Nothing here imports
Roundtrip; it needs NumPy, and what the engine needs. One kit, which may come from another machine, is asked only where
its files have the hashes that its kit.json lists; of kits in lines whoever asks has seen to that. With --fork this
process loads no kit itself, and JSON says how each of its processes confines itself: the "modules" that do so, and what
it may read and fill. Empty, it does not. See `forked_kits.py`.
"""

import hashlib
import importlib
import json
import os
import platform
import sys
import threading
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

PREDICTIONS, FACTS = "predictions.npz", "facts.json"
MAX_TEXT, MAX_NOTE = 4000, 400  # characters of an error and of a note that are passed on
FORK = "--fork="
CHANGED = "This proof kit is cut or was changed, so it is not asked: {}. Take it once more from where it was made."
CONVERT = "convert:"
CONVERTED = "converted"  # the folder that a conversion is written into


class Engine:
    """The module of an engine, what it has loaded last, and what it took."""

    def __init__(self, path):
        self.path, self.seconds, self.stage = path, {}, "import"
        self.module: Any = None
        self.loaded: Any = (None, None)
        self.loads = 0

    def run(self, kit, out, asks="predict", inputs=None, batch=0, reload=False):
        """Predict the inputs of a kit, "describe" what it takes, or "convert:FORMAT"; returns the facts.

        The file `inputs` holds other rows than the kit's own; `batch` of them are computed together, 0 for all. With
        `reload` a kit that was asked before is loaded once more.
        """
        self.stage = "import"
        try:
            self.import_modules()
            self.stage = "load"
            if asks == "describe":
                return self._facts() | {"inputs": self.module.describe(Path(kit))}
            if asks.startswith(CONVERT):
                return self._convert(kit, out, asks.removeprefix(CONVERT))
            if reload:
                self.loaded = (None, None)
            self._load(kit)
            self.stage = "predict"
            predictions, again = self._predict(inputs or Path(kit) / "inputs.npz", batch)
            self.stage = "write"
            write_predictions(Path(out) / PREDICTIONS, predictions)
        except BaseException as error:  # noqa: BLE001  whatever a library raises, it is this kit's result
            return self._describe_error(error)
        return self._facts() | {"seconds": self.seconds | {"predict": again}}

    def save(self, given, out):
        """Write a copy; returns the facts."""
        self.stage = "import"
        try:
            self.import_modules()
            self.stage = "save"
            started = time.perf_counter()
            self.module.save(given, out)
        except BaseException as error:  # noqa: BLE001  whatever a library raises, it is this copy's result
            return self._describe_error(error)
        return self._facts() | {"seconds": self.seconds | {"save": time.perf_counter() - started}}

    def read(self, kit, out):
        """Load a copy, and write its variables; returns the facts with its inputs."""
        self.stage = "import"
        try:
            self.import_modules()
            self.stage = "load"
            self._load(kit)
            self.stage = "read"
            told = self.module.read(self.loaded[1], Path(out))
            for name in ("weights", "optimizer"):  # by their places: two may have one name
                arrays = {f"{at}/{key}": array for at, (key, array) in enumerate(told[name])}
                write_predictions(Path(out) / f"{name}.npz", arrays)
        except BaseException as error:  # noqa: BLE001  whatever a library raises, it is this copy's result
            return self._describe_error(error)
        return self._facts() | {"seconds": self.seconds, "inputs": told["inputs"]}

    def _describe_error(self, error):
        return {"stage": self.stage, "error": type(error).__name__, "text": shorten(str(error))}

    def _convert(self, kit, out, kind):
        folder = Path(out) / CONVERTED
        folder.mkdir()
        self.module.convert(Path(kit), kind, folder)
        return self._facts()

    def import_modules(self):
        if self.module is None:
            started = time.perf_counter()
            module = importlib.import_module(Path(self.path).stem)
            for name in module.MODULES:
                importlib.import_module(name)
            self.module, self.seconds["import"] = module, time.perf_counter() - started

    def _load(self, kit):
        if self.loaded[0] != kit:
            self.loaded = (None, None)
            self.loads += 1
            started = time.perf_counter()
            self.loaded = (kit, self.module.load(Path(kit)))
            self.seconds["load"] = time.perf_counter() - started

    def _predict(self, path, batch):
        import numpy as np

        with np.load(path, allow_pickle=False) as archive:
            inputs = {name: archive[name] for name in archive}
        started = time.perf_counter()
        parts = [self.loaded[1](part) for part in split_rows(inputs, batch)]
        outputs = {name: join_rows([np.asarray(part[name]) for part in parts]) for name in parts[0]}
        return outputs, time.perf_counter() - started

    def _facts(self):
        versions = {"python": platform.python_version()}
        for name in self.module.DISTRIBUTIONS:
            versions[name] = installed_version(name)
        return {
            "versions": versions,
            "seconds": dict(self.seconds),
            "device": getattr(self.module, "DEVICE", "CPU"),
            "note": shorten(getattr(self.loaded[1], "note", "") or getattr(self.module, "NOTE", ""), MAX_NOTE),
            "loads": self.loads,
        }


def split_rows(inputs, batch):
    """Return inputs in parts of so many rows; whole for 0."""
    if not batch:
        return [inputs]
    starts = range(0, len(next(iter(inputs.values()))), batch)
    return [{name: array[start : start + batch] for name, array in inputs.items()} for start in starts]


def join_rows(parts):
    import numpy as np

    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def describe_change(kit):
    """Say which files of a kit are not those that its kit.json lists; empty where all are."""
    try:
        files = json.loads((kit / "kit.json").read_text(encoding="utf-8"))["files"]
        changed = [name for name, sha256 in files.items() if compute_sha256(kit / name) != sha256]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        changed = [getattr(error, "filename", None) or "kit.json"]
    return CHANGED.format(", ".join(str(name) for name in changed[:3])) if changed else ""


def compute_sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def shorten(text, limit=MAX_TEXT):
    """Return the beginning and the end of a text that is longer than is passed on: either may name the cause."""
    half = limit // 2 - 2
    return text if len(text) <= limit else f"{text[:half]}\n…\n{text[-half:]}"


def installed_version(name):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return read_npm_version(name)


def read_npm_version(name):
    """Return the version of a package of npm that this environment has; empty where it has none of that name."""
    try:
        return json.loads((Path(sys.prefix) / "npm" / name / "package.json").read_text(encoding="utf-8"))["version"]
    except OSError:
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
        reply = answer(engine, request)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def answer(engine, request):
    kit, out, asks = request["kit"], request["out"], request.get("asks", "predict")
    task = {"save": engine.save, "read": engine.read}.get(request.get("task"))
    if task:
        return {"id": request["id"]} | task(kit, out)
    how = {name: request[name] for name in ("inputs", "batch", "reload") if name in request}
    return {"id": request["id"]} | engine.run(kit, out, asks, **how)


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


def serve_all(engine, policy):
    """Answer requests: here, or each kit's in a process that confines itself by this policy."""
    import forked_kits

    forked_kits.die_with_parent()
    if policy is None:
        serve(engine)
    else:
        forked_kits.serve_forked(engine.import_modules, partial(answer, engine), policy)


def main(arguments):
    script, *rest = arguments
    for path in (__file__, script):  # whose folders python -I leaves out; scripts share loaders
        sys.path.insert(0, str(Path(path).resolve().parent))
    engine = Engine(script)
    if not rest or rest[0].startswith(FORK):
        serve_all(engine, json.loads(rest[0].removeprefix(FORK)) if rest else None)
        return 0
    kit, out = Path(rest[0]).resolve(), rest[1]
    change = describe_change(kit)
    refusal = {"stage": "verify", "error": "Damaged", "text": change}
    facts = refusal if change else engine.run(str(kit), out)
    (Path(out) / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(facts["text"] if "error" in facts else f"Predictions are in {Path(out) / PREDICTIONS}.")
    return int("error" in facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

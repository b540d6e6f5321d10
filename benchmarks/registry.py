"""MLflow as the alternative: in an environment of its own, made once, with requests over pipes."""

import contextlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.17.2"
HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roundtrip-bench" / f"mlflow-{VERSION}"
SIDE = Path(__file__).with_name("mlflow_side.py")


class Registry:
    """A process with MLflow; `model` is the Keras file that it registers."""

    def __init__(self, process: subprocess.Popen, model: Path):
        self._process, self.model = process, model

    def search(self) -> float:
        return self._ask("search")

    def log_model(self) -> float:
        return self._ask("log_model")

    def _ask(self, action: str) -> float:
        self._process.stdin.write(f"{action}\n")
        self._process.stdin.flush()
        return self._seconds()

    def _seconds(self) -> float:
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)["seconds"]
        raise RuntimeError("MLflow's process ended; see its words above")


@contextlib.contextmanager
def registry(versions: int) -> Iterator[Registry]:
    """MLflow over SQLite, with a registered model of so many versions."""
    python = _environment()
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-mlflow-") as folder:
        model = Path(folder) / "model.keras"
        _write_model(model)
        # TensorFlow is borrowed from here: what MLflow brings itself is found first.
        # -P: the modules of this folder are not importable there.
        command = [str(python), "-P", str(SIDE), folder, str(versions), str(model), sysconfig.get_path("purelib")]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
        ) as process:
            client = Registry(process, model)
            client._seconds()
            yield client
            process.stdin.close()


def _environment() -> Path:
    python = HOME / "bin" / "python"
    if not (HOME / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", f"mlflow=={VERSION}"], check=True)
        (HOME / "installed").touch()
    return python


def _write_model(path: Path) -> None:
    import keras

    layers = [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    keras.Sequential([keras.Input((64,)), *layers]).save(path)

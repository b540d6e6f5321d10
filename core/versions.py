"""Versions of the packages that a record was written with."""

import contextlib
import os
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import core

RECORDED_PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numpy",
    "h5py",
    "safetensors",
    "onnx",
    "tf2onnx",
    "onnxruntime",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "openvino",
)


def installed_versions() -> dict[str, str]:
    """Return the versions of Roundtrip, Python and the packages that write model files."""
    return dict(_installed_versions(installed_packages_fingerprint()))


@lru_cache(maxsize=1)
def _installed_versions(fingerprint: tuple) -> dict[str, str]:
    versions = {"roundtrip": core.__version__, "python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package.removesuffix("-cpu")] = version(package)
    return versions


def describe_version_changes(recorded: dict[str, str]) -> str:
    """Say which recorded versions are not those of this process; empty when all are."""
    now_ = installed_versions()
    changed = [name for name, number in recorded.items() if number != now_.get(name)]
    changes = "; ".join(f"{name} {recorded[name]}, now {now_.get(name, 'none')}" for name in changed)
    return f"It was saved with {changes}." if changes else ""


def installed_packages_fingerprint() -> tuple[tuple[str, int], ...]:
    """Return a cache key that changes when a package is installed or removed on `sys.path`."""
    fingerprint = []
    for path in sys.path:
        with contextlib.suppress(OSError):
            fingerprint.append((path, os.stat(path or ".").st_mtime_ns))
    return tuple(fingerprint)

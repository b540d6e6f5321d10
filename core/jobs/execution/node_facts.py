"""What a worker announces of its machine, and what it reports while it works. Loads no model runtime."""

import os
import platform
from pathlib import Path

import psutil

from core import __version__
from core.environments import ENVIRONMENTS
from core.environments.build import find_built
from core.environments.machines import list_limits
from core.environments.uv import find_uv
from core.errors import RoundtripError
from core.formats import all_formats
from core.queue import Announcement, Queues, Report
from core.sandbox.limits import own_memory
from core.settings import Settings
from core.system import describe_machine, list_instruction_sets, usable_memory
from core.versions import installed_versions

DEVICES = (("/proc/driver/nvidia/gpus", "NVIDIA"), ("/sys/class/kfd/kfd/topology/nodes", "AMD"))


def describe_node(config: Settings, name: str, concurrency: int, queues: Queues = "all") -> Announcement:
    """Return what this machine is and can do, and which jobs it is to take."""
    machine = describe_machine()
    return Announcement(
        name=name,
        version=__version__,
        python=platform.python_version(),
        system=machine["system"],
        processor=machine["processor"],
        processors=machine["processors"],
        memory=usable_memory(),
        accelerators=tuple(_list_accelerators()),
        packages=installed_versions(),
        missing_packages=tuple(sorted({name for each in all_formats() for name in each.missing_packages})),
        instruction_sets=list_instruction_sets(),
        limits=list_limits(),
        environments=list_built(config),
        buildable_environments=tuple(each.key for each in ENVIRONMENTS) if _can_build() else (),
        concurrency=concurrency,
        child_memory=own_memory(config),
        queues=queues,
        knows_collections=True,
    )


def list_built(config: Settings) -> dict[str, int]:
    """Return the environments that are built here, with their bytes."""
    return {each.key: built.bytes for each in ENVIRONMENTS if (built := find_built(config, each))}


def _can_build() -> bool:
    try:
        find_uv()
    except RoundtripError:
        return False
    return True


def _list_accelerators() -> list[str]:
    """Graphics processors whose drivers say that they are there."""
    accelerators = []
    for folder, maker in DEVICES:
        for place in sorted(Path(folder).glob("*")):
            if (model := _read_model(place)) is not None:
                accelerators.append(f"{maker} {model}".strip())
    return accelerators


def _read_model(place: Path) -> str | None:
    """The model that a driver names; None for what is no graphics processor."""
    try:
        if (name := place / "name").is_file():  # AMD lists processors too, without a name
            return name.read_text().strip() or None
        lines = (place / "information").read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model")), "")


def report_node(jobs: list[str]) -> Report:
    """Return what this machine does now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return Report(jobs=tuple(sorted(jobs)), load=load, memory_used=psutil.virtual_memory().percent / 100)

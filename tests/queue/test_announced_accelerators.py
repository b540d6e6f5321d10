"""Graphics processors that a worker announces, from folders as their drivers make them."""

from pathlib import Path

import pytest

from core.jobs.execution import node_facts
from core.jobs.execution.node_facts import describe_node
from core.settings import Settings


@pytest.fixture
def nvidia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where NVIDIA's driver lists its devices; beside it lies the folder `amd` of AMD's."""
    devices = (tmp_path / "nvidia", "NVIDIA"), (tmp_path / "amd", "AMD")
    monkeypatch.setattr(node_facts, "DEVICES", tuple((str(folder), maker) for folder, maker in devices))
    return tmp_path / "nvidia"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def list_announced(home: Path) -> tuple[str, ...]:
    return describe_node(Settings(home=home), "here", 1).accelerators


def test_graphics_processors_of_all_makers_are_announced_by_model(nvidia: Path, tmp_path: Path):
    for bus in ("0000:82:00.0", "0000:03:00.0"):
        information = f"Model: \t\t Tesla T4\nIRQ:   \t\t 35\nBus Location: \t {bus}\n"
        write(nvidia / bus / "information", information)
    write(tmp_path / "amd" / "1" / "name", "gfx90a\n")
    assert list_announced(tmp_path) == ("NVIDIA Tesla T4", "NVIDIA Tesla T4", "AMD gfx90a")


def test_device_without_a_model_is_announced_by_its_maker(nvidia: Path, tmp_path: Path):
    write(nvidia / "0000:03:00.0" / "information", "IRQ: 35\n")
    assert list_announced(tmp_path) == ("NVIDIA",)


def test_processor_in_the_list_of_devices_is_not_announced(nvidia: Path, tmp_path: Path):
    write(tmp_path / "amd" / "0" / "name", "\n")  # as AMD's driver lists a processor: its name is empty
    write(tmp_path / "amd" / "1" / "properties", "cpu_cores_count 8\n")
    assert list_announced(tmp_path) == ()


def test_machine_without_drivers_announces_no_accelerator(nvidia: Path, tmp_path: Path):
    assert not nvidia.exists()
    assert list_announced(tmp_path) == ()

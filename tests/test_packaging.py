"""What is installed: every package of the tree, what its modules read beside them, and one command."""

import tomllib
from pathlib import Path

from core.settings import PROJECT

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def package_names(*roots: str) -> list[str]:
    return sorted(
        ".".join(path.parent.relative_to(PROJECT).parts)
        for root in roots
        for path in (PROJECT / root).rglob("__init__.py")
    )


def test_listed_packages_are_those_of_the_tree():
    assert SETTINGS["tool"]["setuptools"]["packages"] == package_names("core", "ui")


def is_module(path: Path) -> bool:
    """Whether a file is a module of a package; a script in a folder without an `__init__.py` is none."""
    return path.suffix == ".py" and (path.parent / "__init__.py").exists()


def test_every_file_beside_the_modules_is_package_data():
    listed = {
        path
        for package, patterns in SETTINGS["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in PROJECT.joinpath(*package.split(".")).glob(pattern)
    }
    beside = {
        path
        for root in ("core", "ui")
        for path in (PROJECT / root).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not is_module(path)
    }
    assert beside == listed


def test_dependencies_come_from_the_pinned_requirements():
    dynamic = SETTINGS["tool"]["setuptools"]["dynamic"]["dependencies"]
    assert (dynamic, "dependencies" in SETTINGS["project"]["dynamic"]) == ({"file": ["requirements.txt"]}, True)
    lines = Path(PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pinned if "==" not in line] == []

"""Reads from the wheels of Keras which arguments each release of Keras 3 knows; nothing of them is imported.

As a command it writes the table of `core.runtimes.keras_releases` anew:

    pip download --no-deps --dest WHEELS keras==3.3.3   # and the last patch of each later minor release
    python -m tests.keras_releases.collect WHEELS
"""

import ast
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from core.runtimes.keras_releases import FIRST_RELEASE, TABLE_FILE, KerasTable, Release, parse_release

SKIPPED = ("callbacks/", "trainers/", "legacy/", "applications/", "utils/", "testing/")  # nothing that a config names


class SourceClass(NamedTuple):
    """A class as its source writes it: the names that it is exported by, its bases, its arguments with defaults."""

    exports: list[str]
    bases: list[str]
    arguments: dict[str, Any] | None
    passes_on: bool


Sources = dict[str, SourceClass]


def collect_table(wheels: list[Path]) -> KerasTable:
    """Return the table of what came in after the first of the releases, by the name of the class."""
    table: KerasTable = {"classes": {}, "renamed": {}}
    known: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    for release, wheel in sorted((_release_of(wheel), wheel) for wheel in wheels):
        sources = read_sources(wheel)
        for name, source in sources.items():
            if source.exports:
                _add_release(table, known, name, accepted_arguments(sources, name), release)
                _add_names(table, names, name, source.exports, release)
    table["classes"] = {name: row for name, row in sorted(table["classes"].items()) if row["since"] or row["arguments"]}
    return table


def _release_of(wheel: Path) -> Release:
    return parse_release(wheel.name.split("-")[1])


def _add_release(
    table: KerasTable, known: dict[str, dict[str, Any]], name: str, arguments: dict[str, Any], release: Release
) -> None:
    text = ".".join(map(str, release))
    if name not in known:
        table["classes"][name] = {"since": "" if release == FIRST_RELEASE else text, "arguments": {}}
        known[name] = dict(arguments)
    for argument, default in arguments.items():
        if argument not in known[name]:
            table["classes"][name]["arguments"][argument] = [text, default]
            known[name][argument] = default


def _add_names(table: KerasTable, names: dict[str, str], name: str, exports: list[str], release: Release) -> None:
    """A class that was exported under the same path before, with another name of its own, was renamed."""
    for export in exports:
        before = names.setdefault(export, name)
        if before != name and before != export and table["classes"][name]["since"]:
            table["renamed"][name] = [".".join(map(str, release)), before]
            table["classes"][name]["since"] = ""
        names[export] = name


def read_sources(wheel: Path) -> Sources:
    """Return the classes of a wheel by name; of two with one name the one that is exported."""
    sources: Sources = {}
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            path = member.removeprefix("keras/src/")
            if path == member or not path.endswith(".py") or path.endswith("_test.py") or path.startswith(SKIPPED):
                continue
            for name, source in _read_classes(ast.parse(archive.read(member))):
                if name not in sources or source.exports:
                    sources[name] = source
    return sources


def _read_classes(module: ast.Module) -> Iterator[tuple[str, SourceClass]]:
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            init = next(
                (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None
            )
            bases = [getattr(base, "id", getattr(base, "attr", "")) for base in node.bases]
            passes_on = init is None or init.args.kwarg is not None
            yield node.name, SourceClass(_read_exports(node), bases, _read_arguments(init), passes_on)


def _read_exports(node: ast.ClassDef) -> list[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "keras_export":
            values = [*decorator.args, *(keyword.value for keyword in decorator.keywords)]
            return [item.value for item in ast.walk(values[0]) if isinstance(item, ast.Constant)]
    return []


def _read_arguments(init: ast.FunctionDef | None) -> dict[str, Any] | None:
    if init is None:
        return None
    positional = [*init.args.posonlyargs, *init.args.args][1:]
    defaults = [None] * (len(positional) - len(init.args.defaults)) + list(init.args.defaults)
    pairs = [*zip(positional, defaults, strict=True), *zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)]
    return {argument.arg: _literal(default) for argument, default in pairs}


def _literal(default: ast.expr | None) -> Any:
    try:
        return None if default is None else ast.literal_eval(default)
    except ValueError:
        return None


def accepted_arguments(sources: Sources, name: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a class may be given by name, with the defaults: its own, and its bases' where it passes them on."""
    if name not in sources or name in seen:
        return {}
    source = sources[name]
    inherited: dict[str, Any] = {}
    if source.passes_on:
        for base in source.bases:
            inherited |= accepted_arguments(sources, base, (*seen, name))
    return inherited | (source.arguments or {})


def main() -> None:
    table = collect_table(sorted(Path(sys.argv[1]).glob("keras-3.*.whl")))
    TABLE_FILE.write_text(_render(table), encoding="utf-8")


def _render(table: KerasTable) -> str:
    """One class a line, so that a change of the table can be read."""
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(table["classes"].items()))
    return f'{{\n "renamed": {json.dumps(table["renamed"])},\n "classes": {{\n{rows}\n }}\n}}\n'


if __name__ == "__main__":
    main()

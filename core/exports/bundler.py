"""Bundle functions of this project, with everything of it that they use, into one source that imports none of it."""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

PROJECT_PACKAGE = "core"
STANDARD_MODULES = sys.stdlib_module_names


class BundledSource(NamedTuple):
    """Imports and definitions as text, and the packages that these import, at the top or inside a function."""

    imports: tuple[str, ...]
    body: str
    packages: frozenset[str]


def bundle_functions(*functions: Callable[..., Any]) -> BundledSource:
    """Return the source of functions, of everything of this project that they use, and the imports that it needs.

    Raises LookupError where two definitions have one name, or where a function imports this project inside.
    """
    bundle = _Bundle()
    for function in functions:
        bundle.add(sys.modules[function.__module__], function.__name__)
    body, imports = "\n\n\n".join(bundle.texts), tuple(sorted(bundle.imports))
    if any(isinstance(node, ast.AnnAssign) for node in ast.walk(ast.parse(body))):
        imports = ("from __future__ import annotations", *imports)  # the names in annotations are not bundled
    return BundledSource(imports, body, frozenset(_imported_packages("\n".join([*imports, body]))))


class _Bundle:
    """The definitions collected so far, each after those that it uses."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.imports: set[str] = set()
        self._definition_sites: dict[str, str] = {}
        self._added: set[str] = set()

    def add(self, module: ModuleType, name: str) -> None:
        """Add a top-level name of a module, and before it whatever it uses."""
        node = _top_level_statements(module).get(name)
        if node is None:
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._add_import(module, node, name)
        elif self._is_new(name, f"{module.__name__}:{node.lineno}"):
            for used in _used_names(node):
                self.add(module, used)
            for owner, used in _used_module_attributes(module, node):
                self.add(owner, used)
            self.texts.append(_statement_source(module, node))

    def _is_new(self, name: str, where: str) -> bool:
        if self._definition_sites.setdefault(name, where) != where:
            raise LookupError(f"{name} would be written twice, from {self._definition_sites[name]} and {where}")
        fresh = where not in self._added
        self._added.add(where)
        return fresh

    def _add_import(self, module: ModuleType, node: ast.Import | ast.ImportFrom, name: str) -> None:
        if isinstance(node, ast.ImportFrom) and _is_ours(node):
            if not _submodule_path(node, name):
                self.add(importlib.import_module(_module_name(node)), name)
            return
        alias = next(alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) == name)
        statement = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], 0)
        self.imports.add(ast.unparse(statement))


@cache
def _read_source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _module_name(node: ast.ImportFrom) -> str:
    """Return the module of a `from` import; no import of this project is relative."""
    return node.module or ""


def _is_ours(node: ast.ImportFrom) -> bool:
    return _module_name(node).partition(".")[0] == PROJECT_PACKAGE


@cache
def _top_level_statements(module: ModuleType) -> dict[str, ast.stmt]:
    """Return the statement that defines each top-level name of a module."""
    statements: dict[str, ast.stmt] = {}
    for node in ast.parse(_read_source(module)).body:
        for name in _defined_names(node):
            statements[name] = node
    return statements


def _defined_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)]


def _used_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement reads, without its annotations, which are never evaluated."""
    names = [part for part in _walk_code(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)]
    return list(dict.fromkeys(name.id for name in names))


def _walk_code(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.ImportFrom) and _is_ours(child):
                raise LookupError(f"A function imports {child.module} by itself")
            if isinstance(child, ast.AST):
                yield from _walk_code(child)


def _used_module_attributes(module: ModuleType, node: ast.stmt) -> list[tuple[ModuleType, str]]:
    """Return the attributes of other modules of this project that a statement uses, as `digits_data.compiled`."""
    return [
        (owner, part.attr)
        for part in _walk_code(node)
        if isinstance(part, ast.Attribute) and (owner := _attribute_module(module, part))
    ]


def _attribute_module(module: ModuleType, node: ast.AST) -> ModuleType | None:
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    statement = _top_level_statements(module).get(node.value.id)
    if isinstance(statement, ast.ImportFrom) and (path := _submodule_path(statement, node.value.id)):
        return importlib.import_module(path)
    return None


def _submodule_path(node: ast.ImportFrom, name: str) -> str:
    """Return the module that `from core.demos import digits_data` imports; empty where the name is no module."""
    if not _is_ours(node):
        return ""
    submodule = next((alias.name for alias in node.names if (alias.asname or alias.name) == name), name)
    folders = getattr(importlib.import_module(_module_name(node)), "__path__", ())
    is_module = any(Path(folder, f"{submodule}.py").is_file() or Path(folder, submodule).is_dir() for folder in folders)
    return f"{node.module}.{submodule}" if is_module else ""


def _statement_source(module: ModuleType, node: ast.stmt) -> str:
    """Return the source of a statement with its comments, without annotations and the names of our modules."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    lines = [line.encode() for line in _read_source(module).splitlines()]
    for line, start, stop in sorted(_removed_spans(module, node, lines), reverse=True):
        lines[line - 1] = lines[line - 1][:start] + lines[line - 1][stop:]
    return b"\n".join(lines[first - 1 : node.end_lineno]).decode()


def _removed_spans(module: ModuleType, node: ast.stmt, lines: list[bytes]) -> Iterator[tuple[int, int, int]]:
    """Yield the spans to leave out: line, first byte, and the byte behind the last."""
    for part in ast.walk(node):
        if isinstance(part, ast.arg) and part.annotation and part.annotation.end_lineno == part.lineno:
            yield part.lineno, part.col_offset + len(part.arg.encode()), _end(part.annotation)
        if isinstance(part, ast.FunctionDef) and part.returns and part.returns.end_lineno == part.returns.lineno:
            arrow = lines[part.returns.lineno - 1].rfind(b" ->", 0, part.returns.col_offset)
            yield part.returns.lineno, arrow, _end(part.returns)
        if isinstance(part, ast.Attribute) and _attribute_module(module, part):
            yield part.lineno, part.value.col_offset, _end(part.value) + 1


def _end(node: ast.expr) -> int:
    """Return the byte of its line at which an expression ends; each that was parsed from a source has it."""
    return node.end_col_offset or 0


def _imported_packages(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [_module_name(node)] if isinstance(node, ast.ImportFrom) else []
        yield from (name.partition(".")[0] for name in names if name.partition(".")[0] not in STANDARD_MODULES)

"""The package's own code as the tests of its structure read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "PACKAGE",
    "TESTS",
    "functions",
    "imported_names",
    "imports",
    "public_functions",
    "texts",
    "used_names",
]

PACKAGE = Path(__file__).parents[2] / "supa_assets"
TESTS = Path(__file__).parents[1]


def imports(file: Path, *, at_run_time: bool = False) -> set[str]:
    """Modules that the file imports; `at_run_time` leaves out what stands in functions and under TYPE_CHECKING."""
    found: set[str] = set()

    def look(nodes: list[ast.stmt]) -> None:
        for node in nodes:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif at_run_time and isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                continue
            elif (
                isinstance(node, ast.If) and at_run_time and "TYPE_CHECKING" in ast.dump(node.test)
            ):
                look(node.orelse)
            else:
                look([child for child in ast.walk(node) if isinstance(child, ast.stmt)][1:])

    look(ast.parse(file.read_text(encoding="utf-8")).body)
    return found


def functions(file: Path) -> Iterator[ast.FunctionDef]:
    """Every function and method of the file, nested ones included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def imported_names(file: Path) -> set[str]:
    """What the file imports, wherever in it: `a.b.c` of `from a.b import c`, `a.b` of `import a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module or ''}.{alias.name}" for alias in node.names)
    return found


def public_functions(file: Path) -> set[str]:
    """Functions that the file defines and has in its `__all__`, commands among them."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    return defined & _listed_names(body)


def _listed_names(body: list[ast.stmt]) -> set[str]:
    """The names in `__all__`."""
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def used_names(file: Path) -> set[str]:
    """Names that the file takes from the package: by import, or as `module.name` of an imported module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = [
        alias
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name
        for alias in node.names
    ]
    modules = {alias.asname or alias.name for alias in imported}
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules
    }
    return {alias.name for alias in imported} | attributes


def texts(file: Path) -> set[str]:
    """Every string of the file."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}

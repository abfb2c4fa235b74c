"""The package's own code as the tests of its structure read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PACKAGE", "functions", "imports"]

PACKAGE = Path(__file__).parents[2] / "supa_assets"


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

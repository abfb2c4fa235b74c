"""The catalogue queries of `sql/`, which psql takes as they are: `:'name'` is a variable there and a parameter here."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = ["fetch_query", "fetch_row"]

_VARIABLE = re.compile(r":'(\w+)'")


def fetch_query(
    connection: psycopg.Connection[Any], file: str, **parameters: object
) -> list[dict[str, Any]]:
    """Rows of the query in `sql/`; the file is part of the package, hence as trusted as a literal."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_read_query(file), parameters)
        return cursor.fetchall()


def fetch_row(
    connection: psycopg.Connection[Any], file: str, **parameters: object
) -> dict[str, Any]:
    """The one row of a query that always has one."""
    (row,) = fetch_query(connection, file, **parameters)
    return row


@cache
def _read_query(file: str) -> LiteralString:
    """With psycopg's placeholders in place of psql's variables, and without comments, which may speak of either."""
    text = resources.files(__package__).joinpath("sql").joinpath(file).read_text("utf-8")
    statement = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return _VARIABLE.sub(r"%(\1)s", statement.replace("%", "%%"))

"""Types, expressions and definitions of metadata.json as parts of a statement: each of its own kind, and a single one.

They are the source's own text (`format_type`, `pg_get_expr`, `pg_get_constraintdef`), but whoever changed the file
could write anything. So each is cut into tokens as PostgreSQL's lexer cuts them, and has to have the form that the
server gives its kind: a type can't go on as a second column, an expression can't leave its parentheses, a key can't be
another statement. What the server never writes is refused: comments, dollar quotes, strings in a row. Which functions
an expression calls is not looked at.

Lexical rules: PostgreSQL's manual, 4.1, with standard_conforming_strings on, as the restoring session has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from psycopg import sql

from supa_assets.errors import ExportFault
from supa_assets.naming import Relation

__all__ = [
    "compose_expression",
    "compose_name",
    "compose_number",
    "compose_rule",
    "compose_type",
    "compose_unique_index",
]

Kind = Literal["word", "name", "string", "number", "open", "close", "sign"]


class _Token(NamedTuple):
    kind: Kind
    text: str


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f]+)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*'(?!'))
    | (?P<bits>[bBnNxX]'(?:[^']|'')*'(?!'))
    | (?P<string>'(?:[^']|'')*'(?!'))
    | (?P<name>"(?:[^"]|"")+"(?!"))
    | (?P<word>(?![eEbBnNxX]')[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<number>\.?[0-9][0-9A-Za-z_.\x80-\U0010ffff]*(?![0-9A-Za-z_.\x80-\U0010ffff'"]))
    | (?P<open>[(\[]) | (?P<close>[)\]])
    | (?P<sign>[-+*/<>=~!@\#%^&|`?:.,])""",
    re.VERBOSE | re.DOTALL,
)
"""What follows a token may not belong to it, so that no shorter one is taken than PostgreSQL takes."""
_KINDS: dict[str, Kind] = {
    "escaped": "string", "bits": "string", "string": "string", "name": "name", "word": "word",
    "number": "number", "open": "open", "close": "close", "sign": "sign",
}  # fmt: skip
_CLOSING = {"(": ")", "[": "]"}

# Forms are regular expressions over what `_outline` makes of a text: words in capitals, `n` a quoted name, `()`.
_NAME = r"(?:n|[A-Z_]\w*)"
_QUALIFIED = rf"{_NAME}(?: \. {_NAME}){{0,2}}"
_TAIL = r"(?: NOT VALID| NO INHERIT| NOT ENFORCED| DEFERRABLE| INITIALLY DEFERRED| INITIALLY IMMEDIATE)*"
_ACTION = r"(?:NO ACTION|RESTRICT|CASCADE|SET NULL(?: \(\))?|SET DEFAULT(?: \(\))?)"
_RULES = {
    "primary key": rf"PRIMARY KEY \(\)(?: INCLUDE \(\))?{_TAIL}",
    "unique": rf"UNIQUE(?: NULLS NOT DISTINCT)? \(\)(?: INCLUDE \(\))?{_TAIL}",
    "exclusion": rf"EXCLUDE USING {_NAME} \(\)(?: INCLUDE \(\))?(?: WHERE \(\))?{_TAIL}",
    "check": rf"CHECK \(\){_TAIL}",
    "foreign key": rf"FOREIGN KEY \(\) REFERENCES {_QUALIFIED} \(\)(?: MATCH (?:FULL|PARTIAL|SIMPLE))?"
    rf"(?: ON UPDATE {_ACTION})?(?: ON DELETE {_ACTION})?{_TAIL}",
}
_UNIQUE_INDEX = (
    rf"CREATE UNIQUE INDEX {_NAME} ON (?:ONLY )?{_QUALIFIED} USING {_NAME} \(\)(?: INCLUDE \(\))?"
    rf"(?: NULLS NOT DISTINCT)?(?: WITH \(\))?(?: TABLESPACE {_NAME})?(?P<where> WHERE .+)?"
)
_MORE = "VARYING|PRECISION|WITHOUT|WITH|TIME|ZONE|YEAR|MONTH|DAY|HOUR|MINUTE|SECOND|TO"
"""What a type's name of several words goes on with; none of them begins anything else."""
_TYPE = rf"{_QUALIFIED}(?: (?:{_MORE}))*(?: \(\)(?: (?:{_MORE}))*)?(?: \[\])*"


def compose_type(text: str, *, of: str) -> sql.Composable:
    """A type as `format_type` writes it. `of` says in an error whose it is, as of all functions here.

    All of them raise ExportFault for a text that isn't what it should be.
    """
    tokens = _read(text, "type", of)
    inside = [token for token in tokens if token.kind == "open" and token.text == "("]
    if not re.fullmatch(_TYPE, _outline(tokens)) or len(inside) > 1:
        raise _refuse(text, "type", of)
    return sql.SQL(text)


def compose_name(text: str, *, of: str) -> sql.Composable:
    """A collation or function by its name, quoted where it needs to be, with or without a schema."""
    if not re.fullmatch(_QUALIFIED, _outline(_read(text, "name", of))):
        raise _refuse(text, "name", of)
    return sql.SQL(text)


def compose_number(text: str, *, of: str) -> sql.Composable:
    """A whole number that an int8 may hold."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise _refuse(text, "number", of)
    return sql.SQL(text)


def compose_expression(text: str, *, of: str) -> sql.Composable:
    """An expression, in parentheses."""
    outline = _outline(_read(text, "expression", of))
    if not outline or "," in outline:
        raise _refuse(text, "expression", of)
    return sql.SQL("({})").format(sql.SQL(text))


def compose_rule(kind: str, text: str, *, of: str) -> sql.Composable:
    """What stands after `ADD CONSTRAINT name` of a key or check of this kind."""
    if kind not in _RULES or not re.fullmatch(_RULES[kind], _outline(_read(text, kind, of))):
        raise _refuse(text, kind, of)
    return sql.SQL(text)


def compose_unique_index(text: str, *, name: str, relation: Relation, of: str) -> sql.Composable:
    """The whole statement, as `pg_get_indexdef` writes it, for this index of this table."""
    kind = "unique index"
    tokens = _read(text, kind, of)
    form = re.fullmatch(_UNIQUE_INDEX, _outline(tokens))
    if not form or "," in (form["where"] or ""):
        raise _refuse(text, kind, of)
    names = [token for token in tokens[:9] if token.text.upper() != "ONLY"]
    # CREATE UNIQUE INDEX name ON schema . table
    found = [_unquote(names[n]) for n in (3, 5, 7)]
    if names[6].text != "." or found != [name, *relation]:
        raise _refuse(text, f'{kind} "{name}" of "{relation}"', of)
    return sql.SQL(text)


def _refuse(text: str, kind: str, of: str) -> ExportFault:
    shown = text if len(text) <= 200 else text[:200] + "…"
    return ExportFault(
        f"metadata.json has for {of} what PostgreSQL wouldn't write as its {kind}: {shown!r}",
        hint="the file was changed, and what it says would run in the target: take another copy. Nothing was written.",
        found=shown,
    )


def _read(text: str, kind: str, of: str) -> list[_Token]:
    """The tokens, every bracket closed by its own."""
    if "\0" in text:
        raise _refuse(text, kind, of)  # there the statement would end for the driver
    tokens = list(_cut(text, kind, of))
    opened: list[str] = []
    before = None
    for token in tokens:
        if token.kind == before == "string":
            raise _refuse(text, kind, of)  # the second would go on with the first's escapes
        before = token.kind
        if token.kind == "open":
            opened.append(_CLOSING[token.text])
        elif token.kind == "close" and (not opened or opened.pop() != token.text):
            raise _refuse(text, kind, of)
    if opened:
        raise _refuse(text, kind, of)
    return tokens


def _cut(text: str, kind: str, of: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found or text[position : position + 2] in ("--", "/*"):
            raise _refuse(text, kind, of)
        position = found.end()
        if found.lastgroup != "space":
            yield _Token(_KINDS[str(found.lastgroup)], found[0])


def _outline(tokens: Sequence[_Token]) -> str:
    """What stands outside of all brackets, by which a text's form is told."""
    parts: list[str] = []
    depth = 0
    for token in tokens:
        if token.kind == "close":
            depth -= 1
        if depth == 0:
            parts.append(_OUTLINED.get(token.kind, token.text.upper()))
        if token.kind == "open":
            depth += 1
    return " ".join(parts).replace("( )", "()").replace("[ ]", "[]")


_OUTLINED = {"name": "n", "string": "s", "number": "0"}


def _unquote(token: _Token) -> str:
    return token.text[1:-1].replace('""', '"') if token.kind == "name" else token.text

"""Names and texts that would steer a terminal, and a database full of them."""

from __future__ import annotations

import unicodedata

__all__ = ["FORGED", "SCHEMA", "STEERING", "list_steering"]

STEERING = "\x1b]0;owned\x07\x9b\u202e\u200b\ufeff\u2028\x7f\t\U000e0041"
"""ESC, C1, a bidi control, what can't be seen, a separator, a tag; short enough for a name."""
FORGED = "0 faults"
"""How a line begins that a name would forge."""
_NAME = f"a{STEERING}\n{FORGED}\nHINT: {FORGED}"
_ROWS = f"'{_NAME}'"

SCHEMA = f"""
CREATE SCHEMA "s{_NAME}";
CREATE TYPE "e{_NAME}" AS ENUM ('l{_NAME}');
CREATE TABLE "{_NAME}" ("k{_NAME}" int CONSTRAINT "pk{_NAME}" PRIMARY KEY, "v{_NAME}" "e{_NAME}", j json,
    CONSTRAINT "ck{_NAME}" CHECK ("k{_NAME}" > 0));
CREATE TABLE "c{_NAME}" (id int PRIMARY KEY, up int CONSTRAINT "fk{_NAME}" REFERENCES "{_NAME}",
    self int CONSTRAINT "self{_NAME}" REFERENCES "c{_NAME}");
CREATE TABLE "s{_NAME}"."{_NAME}" (id int);
CREATE VIEW "view{_NAME}" AS SELECT 1 AS one;
CREATE TABLE labels (id int PRIMARY KEY, label text);
COMMENT ON TABLE "{_NAME}" IS {_ROWS};
COMMENT ON COLUMN "{_NAME}"."k{_NAME}" IS {_ROWS};
INSERT INTO "{_NAME}" VALUES (1, 'l{_NAME}', 'null'), (2, NULL, NULL);
INSERT INTO "c{_NAME}" VALUES (1, 1, 1);
INSERT INTO labels VALUES (1, {_ROWS});
"""


def list_steering(text: str) -> list[str]:
    """What of the text a terminal would obey or not show, and lines that a name forged."""
    controls = [
        repr(character)
        for character in text
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        and character != "\n"
    ]
    forged = [line for line in text.splitlines() if line.removeprefix("HINT: ").startswith(FORGED)]
    return controls + forged

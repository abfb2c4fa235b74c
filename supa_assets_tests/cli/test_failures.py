"""Tables that can't be exported, as a terminal shows them."""

from __future__ import annotations

import pytest

from supa_assets.causes import Cause
from supa_assets.cli.failures import print_failures
from supa_assets.errors import PermissionDenied, SourceError
from supa_assets.naming import Relation
from supa_assets.server.grants import grant_select


def test_one_cause_of_many_tables_is_one_error_and_one_statement_mends_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cause = Cause('role "r" may not read the table')
    denied = [
        (
            f"t{n}",
            PermissionDenied(
                f'role "r" may not read "public.t{n}"',
                cause=cause,
                grants=[grant_select(Relation("public", f"t{n}"), "r")],
            ),
        )
        for n in range(26)
    ]
    print_failures([*denied, ("broken", SourceError("reading failed", hint="mend"))], what="table")
    lines = capsys.readouterr().err.splitlines()

    assert lines[0].startswith('error: 26 tables: role "r" may not read the table: t0, t1,')
    assert lines[0].endswith("and 18 more")
    assert lines[1].startswith('HINT: GRANT SELECT ON "public"."t0", ')
    assert lines[1].count("GRANT SELECT") == 1
    assert lines[2:] == ['error: table "broken": reading failed', "HINT: mend"]

"""Every error that supa_assets raises on purpose, on one page.

One root, and a child for each thing that an operator would have to do next. A message is lower case, has names in
double quotes and says what was expected and what was found; the hint names the fix. No message ever holds a credential:
what comes from libpq passes through `supa_assets.server.address` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from supa_assets.causes import Cause, group_by_cause
from supa_assets.visible import keep_own_lines

__all__ = [
    "ExportFault",
    "OutputError",
    "PermissionDenied",
    "SchemaChanged",
    "SettingsError",
    "SourceError",
    "SourceUnavailable",
    "SupaAssetsError",
    "TablesFailed",
    "TargetError",
    "ValueNotExportable",
]


class SupaAssetsError(Exception):
    r"""What went wrong, and what to do about it.

    `str()` gives the message and, on a line of its own, `HINT:` and the hint. The fields repeat what the message names,
    for programs: `relation` is `"schema.table"` without quotes, `path` a file or folder, `expected` and `found` any
    value. Lines of a message after its first are indented: a line break that came with a name or the server's words is
    shown as `\n`, so that it can't begin a line, or a hint, of its own. `cause` is what other
    tables may have failed by as well.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        relation: object = None,
        path: str | None = None,
        expected: object = None,
        found: object = None,
        cause: Cause | None = None,
    ) -> None:
        self.message = keep_own_lines(message)
        super().__init__(self.message)
        self.hint = None if hint is None else keep_own_lines(hint)
        self.relation = None if relation is None else str(relation)
        self.path = path
        self.expected = expected
        self.found = found
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class SettingsError(SupaAssetsError):
    """Mend the command line, an environment variable or supa-assets.toml."""


class SourceError(SupaAssetsError):
    """Mend the way to the database: address, password, TLS, pooler, server; then run again."""


class SourceUnavailable(SourceError):
    """Wait, or mend the line: the server was out of reach or lost, or held a table. Another attempt may succeed."""


class PermissionDenied(SupaAssetsError):
    """Grant the role what the hint names, or export without the relation.

    `grants` are the privileges that it lacks, as `supa_assets.server.grants` has them.
    """

    def __init__(self, message: str, *, grants: Sequence[object] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.grants = tuple(grants)


class SchemaChanged(SupaAssetsError):
    """The database is no longer what the catalogue said: reload the definitions, then run again."""


class ValueNotExportable(SupaAssetsError):
    """A value or type that no file could hold without loss: exclude it, or change it at the source."""


class OutputError(SupaAssetsError):
    """Mend the place the files go to: permissions, free space, the folder's name."""


class TablesFailed(SupaAssetsError):
    """Mend what each of `failures` names, then run again; the other tables were exported.

    The message tells each cause once, with a few of its tables. `failures` has them all, by asset name; `metadata` is
    what was published, None where no table was whole.
    """

    def __init__(
        self,
        failures: Mapping[str, SupaAssetsError],
        *,
        metadata: Any,
        table_count: int,
        hint: str | None = None,
    ) -> None:
        said = "".join(f"\n  {group.describe()}" for group in group_by_cause(failures.items()))
        hints = {error.hint: None for error in failures.values() if error.hint}
        super().__init__(
            f"{len(failures)} of {table_count} tables were not exported:{said}",
            hint=hint or " ".join(hints) or None,
        )
        self.failures = dict(failures)
        self.metadata = metadata


class TargetError(SupaAssetsError):
    """Mend the database that a restore writes to, or name another one."""


class ExportFault(SupaAssetsError):
    """Files or metadata.json are not what they should be: materialize again, or take another copy."""

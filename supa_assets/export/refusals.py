"""Why a table can't be read, as errors that name what would mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from supa_assets.causes import Cause, group_by_cause
from supa_assets.errors import (
    PermissionDenied,
    SchemaChanged,
    SettingsError,
    SourceUnavailable,
    SupaAssetsError,
)
from supa_assets.export.survey import SurveyedRelation
from supa_assets.files.metadata import NotExportedReason
from supa_assets.naming import Relation
from supa_assets.notice import Notice
from supa_assets.server.grants import (
    Grant,
    advise_bypass,
    grant_select,
    grant_usage,
    merge_grants,
    name_way_out,
    quote_name,
)

__all__ = [
    "Refusal",
    "explain_emptiness",
    "merge_hints",
    "refuse_all",
    "refuse_filtered",
    "refuse_missing",
    "refuse_unlocked",
    "refuse_unprivileged",
]

_LEAVE_OUT = "leave {} out (setting exclude; of the schema auth: setting auth)."


@dataclass(frozen=True, kw_only=True)
class Refusal(Notice):
    """Why a table can't be read in this run; `error` gives it as it is raised."""

    reason: NotExportedReason | None
    """None where the relation is no longer there."""
    grants: tuple[Grant, ...] = ()

    def error(self) -> SupaAssetsError:
        """The refusal of this table alone, as it is raised."""
        error = self.as_error(_ERRORS[self.reason])
        if isinstance(error, PermissionDenied):
            error.grants = self.grants
        return error


_ERRORS: Mapping[NotExportedReason | None, type[SupaAssetsError]] = {
    None: SchemaChanged,
    "no privilege": PermissionDenied,
    "row-level security": PermissionDenied,
    "locked": SourceUnavailable,
    "created since the definitions were loaded": SchemaChanged,
}


def refuse_all(refusals: Sequence[Refusal], *, table_count: int) -> None:
    """Raise one error for all tables that can't be read, with all that would mend it; none, no error."""
    if len(refusals) == 1:
        raise refusals[0].error()
    if not refusals:
        return
    errors = [(f"{refusal.relation}", refusal.error()) for refusal in refusals]
    groups = group_by_cause(errors)
    said = "; ".join(group.describe_cause() for group in groups)
    if len(groups) == 1:
        said = groups[0].describe_uncounted()
    kinds = {type(error) for _, error in errors}
    raised = kinds.pop() if len(kinds) == 1 else SupaAssetsError
    raise raised(
        f"{len(refusals)} of {table_count} tables can't be exported: {said}",
        hint=merge_hints([error for _, error in errors]),
    )


def merge_hints(errors: Sequence[SupaAssetsError]) -> str | None:
    """Each thing to do once, whatever the number of tables that want it: one GRANT mends them all."""
    if len(errors) == 1:
        return errors[0].hint
    return " ".join(_list_hints(errors)) or None


def explain_emptiness() -> SettingsError:
    """What a run is told that would export nothing at all."""
    return SettingsError(
        "there is no table to export",
        hint="see `supa-assets tables`, and the settings schemas and auth.",
    )


def refuse_missing(relation: Relation, found: SurveyedRelation | None) -> Refusal:
    """What the plan has, and the database hasn't any more, or not as a table."""
    what = "is no longer in the database" if found is None else "is no longer what it was"
    return Refusal(
        f'"{relation}" {what}',
        relation,
        "it was dropped or altered since the definitions were loaded; run again (in the UI: reload definitions).",
        Cause(f"the table {what}"),
        reason=None,
    )


def refuse_unlocked(relation: Relation) -> Refusal:
    """What was made after the locks were taken, so that nothing keeps it from being altered while it is read."""
    return Refusal(
        f'"{relation}" was created while the export began',
        relation,
        "run again; where tables are made all the time, leave them out (setting exclude).",
        Cause("the table was created while the export began"),
        reason="created since the definitions were loaded",
    )


def refuse_unprivileged(found: SurveyedRelation, role: str) -> Refusal:
    """What the role may not read."""
    grants = []
    if not found.has_usage:
        grants.append(grant_usage(found.relation, role))
    if not found.has_select:
        grants.append(grant_select(found.relation, role))
    return Refusal(
        f'role "{role}" may not read "{found.relation}"',
        found.relation,
        f"{' '.join(merge_grants(grants))} Or leave it out ({name_way_out(found.relation)}).",
        Cause(f'role "{role}" may not read the table'),
        reason="no privilege",
        grants=tuple(grants),
    )


def refuse_filtered(found: SurveyedRelation, role: str) -> Refusal:
    """What the role would read without some of its rows."""
    hides = f'row-level security that would hide rows from role "{role}"'
    mend = advise_bypass(role)
    cause = Cause(f"the table has {hides}", mend)
    if found.is_forced:
        mend += f" Or, since the role owns it: ALTER TABLE {quote_name(*found.relation)}"
        mend += " NO FORCE ROW LEVEL SECURITY;"
    return Refusal(
        f'"{found.relation}" has {hides}',
        found.relation,
        mend,
        cause,
        reason="row-level security",
    )


def _list_hints(errors: Sequence[SupaAssetsError]) -> Iterator[str]:
    lacking = [e for e in errors if isinstance(e, PermissionDenied) and e.grants]
    if grants := [grant for e in lacking for grant in e.grants if isinstance(grant, Grant)]:
        yield from merge_grants(grants)
        yield f"Or {_LEAVE_OUT.format('them' if len(lacking) > 1 else 'it')}"
    hints = [(e.cause and e.cause.hint) or e.hint for e in errors if e not in lacking]
    yield from dict.fromkeys(hint for hint in hints if hint)

"""Why a table can't be read, as errors that name what would mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    "refuse_all",
    "refuse_filtered",
    "refuse_missing",
    "refuse_unlocked",
    "refuse_unprivileged",
]

_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class Refusal(Notice):
    """Why a table can't be read in this run; `error` gives it as it is raised."""

    reason: NotExportedReason | None
    """None where the relation is no longer there."""
    grants: tuple[Grant, ...] = ()

    def error(self) -> SupaAssetsError:
        """The refusal of this table alone, as it is raised."""
        return self.as_error(_ERRORS[self.reason])


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
    said = "; ".join(refusal.text for refusal in refusals[:_MOST_NAMED])
    if len(refusals) > _MOST_NAMED:
        said += f"; and {len(refusals) - _MOST_NAMED} more"
    kinds = {_ERRORS[refusal.reason] for refusal in refusals}
    error = kinds.pop() if len(kinds) == 1 else SupaAssetsError
    raise error(
        f"{len(refusals)} of {table_count} tables can't be exported: {said}",
        hint=" ".join(_hints_of_all(refusals)),
    )


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
        reason=None,
    )


def refuse_unlocked(relation: Relation) -> Refusal:
    """What was made after the locks were taken, so that nothing keeps it from being altered while it is read."""
    return Refusal(
        f'"{relation}" was created while the export began',
        relation,
        "run again; where tables are made all the time, leave them out (setting exclude).",
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
        reason="no privilege",
        grants=tuple(grants),
    )


def refuse_filtered(found: SurveyedRelation, role: str) -> Refusal:
    """What the role would read without some of its rows."""
    mend = advise_bypass(role)
    if found.is_forced:
        mend += f" Or, since the role owns it: ALTER TABLE {quote_name(*found.relation)}"
        mend += " NO FORCE ROW LEVEL SECURITY;"
    return Refusal(
        f'"{found.relation}" has row-level security that would hide rows from role "{role}"',
        found.relation,
        mend,
        reason="row-level security",
    )


def _hints_of_all(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Each thing to do once, whatever the number of tables that want it."""
    if grants := [grant for refusal in refusals for grant in refusal.grants]:
        yield " ".join(merge_grants(grants))
        ways = {name_way_out(refusal.relation): None for refusal in refusals if refusal.relation}
        yield f"Or leave them out ({'; '.join(ways)})."
    yield from {refusal.hint: None for refusal in refusals if refusal.hint and not refusal.grants}

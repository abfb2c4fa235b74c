"""Why a table can't be read, as errors that name what would mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from supa_assets.errors import PermissionDenied, SchemaChanged, SourceError, SupaAssetsError
from supa_assets.export.survey import Relation
from supa_assets.files.metadata import NotExportedReason
from supa_assets.naming import RelationName

__all__ = ["Refusal", "refuse_all", "refuse_filtered", "refuse_missing", "refuse_unprivileged"]

_MOST_NAMED = 20


class Refusal(BaseModel):
    """Why a table can't be read in this run; `error` gives it as it is raised."""

    model_config = ConfigDict(frozen=True)

    reason: NotExportedReason | None
    """None where the relation is no longer there."""
    message: str
    hint: str
    relation: str
    role: str
    grants: tuple[str, ...] = ()

    def error(self) -> SupaAssetsError:
        """The error of this table's own step."""
        return _ERRORS[self.reason](self.message, hint=self.hint, relation=self.relation)


_ERRORS: Mapping[NotExportedReason | None, type[SupaAssetsError]] = {
    None: SchemaChanged,
    "no privilege": PermissionDenied,
    "row-level security": PermissionDenied,
    "locked": SourceError,
}


def refuse_all(refusals: Sequence[Refusal], *, table_count: int) -> None:
    """Raise one error for all tables that can't be read, with all that would mend it; none, no error."""
    if len(refusals) == 1:
        raise refusals[0].error()
    if not refusals:
        return
    said = "; ".join(refusal.message for refusal in refusals[:_MOST_NAMED])
    if len(refusals) > _MOST_NAMED:
        said += f"; and {len(refusals) - _MOST_NAMED} more"
    kinds = {_ERRORS[refusal.reason] for refusal in refusals}
    error = kinds.pop() if len(kinds) == 1 else SupaAssetsError
    raise error(
        f"{len(refusals)} of {table_count} tables can't be exported: {said}",
        hint=" ".join(_hints_of_all(refusals)),
    )


def refuse_missing(key: RelationName, relation: Relation | None, role: str) -> Refusal:
    name = ".".join(key)
    what = "is no longer in the database" if relation is None else "is no longer what it was"
    return Refusal(
        reason=None,
        message=f'"{name}" {what}',
        hint="it was dropped or altered since the definitions were loaded; run again (in the UI: reload definitions).",
        relation=name,
        role=role,
    )


def refuse_unprivileged(relation: Relation, role: str) -> Refusal:
    name = f"{relation.schema_name}.{relation.name}"
    grants = []
    if not relation.has_usage:
        grants.append(f"GRANT USAGE ON SCHEMA {_quote(relation.schema_name)} TO {_quote(role)};")
    if not relation.has_select:
        grants.append(
            f"GRANT SELECT ON {_quote(relation.schema_name, relation.name)} TO {_quote(role)};"
        )
    return Refusal(
        reason="no privilege",
        message=f'role "{role}" may not read "{name}"',
        hint=f"{' '.join(grants)} Or leave it out (setting exclude; auth: --skip-auth).",
        relation=name,
        role=role,
        grants=tuple(grants),
    )


def refuse_filtered(relation: Relation, role: str) -> Refusal:
    name = f"{relation.schema_name}.{relation.name}"
    mend = f"ALTER ROLE {_quote(role)} BYPASSRLS;"
    if relation.is_forced:
        mend += f" Or, since the role owns it: ALTER TABLE {_quote(relation.schema_name, relation.name)}"
        mend += " NO FORCE ROW LEVEL SECURITY;"
    return Refusal(
        reason="row-level security",
        message=f'"{name}" has row-level security that would hide rows from role "{role}"',
        hint=f"connect as a role with BYPASSRLS (Supabase's postgres), or: {mend}",
        relation=name,
        role=role,
    )


def _hints_of_all(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Each thing to do once, whatever the number of tables that want it."""
    grants = {grant: None for refusal in refusals for grant in refusal.grants}
    if grants:
        yield " ".join(_merge_grants(grants))
        yield "Or leave them out (setting exclude; auth: --skip-auth)."
    yield from {refusal.hint: None for refusal in refusals if not refusal.grants}


def _merge_grants(grants: Iterable[str]) -> Iterator[str]:
    """One GRANT SELECT for all tables."""
    relations, role = [], ""
    for grant in grants:
        if not grant.startswith("GRANT SELECT ON "):
            yield grant
            continue
        relation, _, role = grant.removeprefix("GRANT SELECT ON ").rpartition(" TO ")
        relations.append(relation)
    if relations:
        yield f"GRANT SELECT ON {', '.join(relations)} TO {role}"


def _quote(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)

"""What would mend a missing privilege, as text for a hint: GRANTs and more. It is told, never run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from supa_assets.naming import Relation

__all__ = [
    "Grant",
    "advise_bypass",
    "grant_select",
    "grant_usage",
    "merge_grants",
    "name_way_out",
    "quote_name",
]

_SUPABASE_ROLE = "postgres"


class Grant(BaseModel):
    """One privilege that the role lacks."""

    model_config = ConfigDict(frozen=True)

    privilege: Literal["USAGE ON SCHEMA", "SELECT ON"]
    object_: str
    """Quoted."""
    role: str


def grant_usage(relation: Relation, role: str) -> Grant:
    """What the role needs of the relation's schema."""
    return Grant(
        privilege="USAGE ON SCHEMA", object_=quote_name(relation.schema_name), role=quote_name(role)
    )


def grant_select(relation: Relation, role: str) -> Grant:
    return Grant(privilege="SELECT ON", object_=quote_name(*relation), role=quote_name(role))


def merge_grants(grants: Iterable[Grant]) -> Iterator[str]:
    """The statements: one for each privilege and role, whatever the number of schemas and relations."""
    objects: dict[tuple[str, str], dict[str, None]] = {}
    for grant in grants:
        objects.setdefault((grant.privilege, grant.role), {})[grant.object_] = None
    for (privilege, role), of_these in objects.items():
        yield f"GRANT {privilege} {', '.join(of_these)} TO {role};"


def advise_bypass(role: str) -> str:
    """What lets a role read past row-level security; who is Supabase's role already isn't told to become it."""
    statement = f"ALTER ROLE {quote_name(role)} BYPASSRLS;"
    if role == _SUPABASE_ROLE:
        return f"let a superuser give it BYPASSRLS: {statement}"
    return f"connect as a role with BYPASSRLS (Supabase's postgres), or: {statement}"


def name_way_out(relation: Relation) -> str:
    """The setting that leaves the relation out of an export."""
    return "setting auth" if relation.schema_name == "auth" else "setting exclude"


def quote_name(*names: str) -> str:
    """As an SQL identifier, always quoted: a reader need not know which names could go without."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)

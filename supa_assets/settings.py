"""All settings, in one place, typed; where they come from, and what is wrong with them when something is.

Precedence: command line, environment (a `.env` file in the current folder included), supa-assets.toml,
default. docs/CONFIGURATION.md has a line for each.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from supa_assets.errors import SettingsError
from supa_assets.naming import Relation
from supa_assets.schema_classes import PLATFORM_SCHEMAS, classify_schema

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "DAGSTER_HOME_VARIABLE",
    "DATABASE_URL_VARIABLE",
    "SETTINGS_FILE",
    "SETTING_GROUPS",
    "TARGET_URL_VARIABLE",
    "Choice",
    "Places",
    "Running",
    "Settings",
    "TableForms",
    "ValueForms",
    "build_settings",
    "describe_setting",
    "find_target_url",
    "load_settings",
]

DATABASE_URL_VARIABLE = "SUPABASE_DB_URL"
TARGET_URL_VARIABLE = "SUPA_ASSETS_TARGET_URL"
DAGSTER_HOME_VARIABLE = "DAGSTER_HOME"
SETTINGS_FILE = "supa-assets.toml"
_PREFIX = "SUPA_ASSETS_"
_NO_SETTINGS = {"DATABASE_URL", "TARGET_URL"}
"""URLs hold passwords: the source's has a name of its own, and a target's is for `supa-assets restore` alone."""

_RETIRED = {
    "executor": "an export is one step of Dagster's, and runs under whatever executor the code location has",
}
"""Settings that there were once, each with the reason why there is no need for it any more."""

_log = logging.getLogger("supa_assets")

AUTH_USERS_COLUMNS = (
    "id",
    "email",
    "encrypted_password",
    "email_confirmed_at",
    "created_at",
    "raw_user_meta_data",
)


def _split_list(value: object) -> object:
    """Environment variables hold lists as `a,b`."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _as_location(value: object) -> object:
    """A location may be a URL, which a Path would take apart."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


Location = Annotated[str, BeforeValidator(_as_location)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split_list)]


class ValueForms(BaseModel):
    """How rows and values of one table stand in its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: Literal["primary_key", "physical"] = "primary_key"
    """Rows sorted by the primary key, where there is one; or as they lie in the table, which spares a sort."""
    int8: Literal["string", "number"] = "string"
    """As numbers, values beyond 2^53 - 1 are read wrong by JavaScript and other readers with doubles."""
    timestamps: Literal["utc", "naive"] = "utc"
    """`timestamp` without a time zone: with `+00:00` after it, or as it is."""
    bytea: Literal["hex", "base64"] = "hex"
    """PostgreSQL reads hex back by itself; base64 is a third shorter."""


class TableForms(BaseModel):
    """A section `[tables."schema.table"]`: what differs for one table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: Literal["primary_key", "physical"] | None = None
    int8: Literal["string", "number"] | None = None
    timestamps: Literal["utc", "naive"] | None = None
    bytea: Literal["hex", "base64"] | None = None


def _as_pairs(value: object) -> object:
    """Settings are hashed, hence no dict in them."""
    return tuple(value.items()) if isinstance(value, Mapping) else value


Tables = Annotated[tuple[tuple[str, TableForms], ...], BeforeValidator(_as_pairs)]


class Choice(ValueForms):
    """What an export holds and how it looks: all that a plan depends on."""

    schemas: Names = ("public",)
    """Schemas whose every table is exported."""
    platform_schemas: Names = ()
    """Of Supabase's own: auth, storage, supabase_migrations, cron, pgmq, vault; exported whole, where they are."""
    include: Names = ()
    """Patterns of `schema.table` (`*`, `?`, `[abc]`); where there are any, only tables that match one are exported."""
    exclude: Names = ()
    """Patterns of `schema.table`; tables that match one aren't exported."""
    auth: bool = True
    """Whether auth.users and auth.identities are exported."""
    auth_users_columns: Names = AUTH_USERS_COLUMNS
    """Columns of auth.users; `*` for all. Those that an older project lacks are left out."""
    large_tables: Names = ("sensor_readings", "event_logs", "alerts")
    """Tables that stream whatever their row count; `schema.table`, or `table` in any schema."""
    tables: Tables = ()
    """By `schema.table`: sections of supa-assets.toml with an order and forms of values of their own."""

    @field_validator("schemas")
    @classmethod
    def _refuse_internal_schemas(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        internal = [name for name in names if classify_schema(name) == "internal"]
        if internal:
            raise ValueError(f"schema \"{internal[0]}\" is PostgreSQL's or Supabase's own")
        return names

    @field_validator("platform_schemas")
    @classmethod
    def _refuse_other_schemas(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        other = [name for name in names if name not in PLATFORM_SCHEMAS]
        if other:
            raise ValueError(f'"{other[0]}" is none of {", ".join(PLATFORM_SCHEMAS)}')
        return names

    @field_validator("include", "exclude")
    @classmethod
    def _require_dots(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if "." not in pattern:
                raise ValueError(f'"{pattern}" has no dot; write schema.table, or *.{pattern}')
        return patterns

    @field_validator("tables")
    @classmethod
    def _require_dots_of_tables(
        cls, tables: tuple[tuple[str, TableForms], ...]
    ) -> tuple[tuple[str, TableForms], ...]:
        for name, _ in tables:
            if "." not in name:
                raise ValueError(f'"{name}" has no dot; write [tables."schema.table"]')
        return tables

    def forms(self, relation: Relation) -> ValueForms:
        """Order and forms of values of one table: its own section's, else those of all."""
        own = dict(self.tables).get(str(relation)) or TableForms()
        names = ValueForms.model_fields
        return ValueForms(**{n: getattr(own, n) or getattr(self, n) for n in names})

    def excluding(self, relation: Relation) -> str | None:
        """The setting that leaves the table out of the selected schemas, with its pattern; None if none does."""
        name = str(relation)
        if self.include and not any(fnmatchcase(name, pattern) for pattern in self.include):
            return "include"
        pattern = next((p for p in self.exclude if fnmatchcase(name, p)), None)
        return None if pattern is None else f"exclude {pattern}"

    def is_large(self, relation: Relation) -> bool:
        """Whether `large_tables` names the table."""
        return relation.name in self.large_tables or str(relation) in self.large_tables


class Running(BaseModel):
    """How a run reads and writes; none of it changes what the files hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    streaming_threshold: Annotated[int, Field(ge=0)] = 10_000
    """Rows up to which a table goes in one piece."""
    chunk_bytes: Annotated[int, Field(ge=1_024, le=64 * 1024 * 1024)] = 2 * 1024 * 1024
    """How much JSON one chunk of a streamed table aims at; with 4 MB a server that sorts needs a fifth more CPU."""
    streams: Annotated[int, Field(ge=1, le=32)] = 2
    """Connections that read one large table at a time; one more holds the run's snapshot."""
    progress_rows: Annotated[int, Field(ge=1)] = 1_000
    """Rows between two progress lines in export.log."""
    checksums: bool = False
    """Whether the source computes a checksum of each table's rows for `supa-assets prove`; reads it twice."""
    connect_timeout_s: Annotated[int, Field(ge=1)] = 10
    lock_timeout_s: Annotated[int, Field(ge=1)] = 10
    silence_limit_s: Annotated[int, Field(ge=1)] = 60
    """Seconds without a byte after which the server is asked whether it is at work; if it isn't, the line is dead."""
    retries: Annotated[int, Field(ge=0, le=100)] = 1
    """Further attempts of a run of Dagster's, each on a new snapshot, where the server was out of reach or lost."""
    retry_delay_s: Annotated[int, Field(ge=0)] = 30
    pool: Annotated[str, Field(pattern=r"^\S*$")] = "supa_assets"
    """Dagster's concurrency pool of the step; it has no limit until somebody sets one. Empty for none."""


class Places(BaseModel):
    """Where from, and where to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: SecretStr | None = None
    """From SUPABASE_DB_URL only, never from a file that might be committed."""
    output: Location = "migration-data"
    """Where the files go: what `files.open.open_storage` opens."""
    state: Path | None = None
    """Folder of what is remembered from run to run; where one stands doesn't change it."""

    def state_folder(self) -> Path | None:
        """Where the last known catalogue is kept, and Dagster's history where there is no instance.

        None for a user without a home. Source: XDG Base Directory Specification, $XDG_STATE_HOME.
        """
        if self.state is not None:
            return self.state
        home = find_dagster_home()
        return home / "supa_assets" if home else _find_users_state_folder()

    def require_database_url(self) -> str:
        """The connection URL; raises SettingsError where there is none."""
        if self.database_url is None:
            ignored = f"{_PREFIX}DATABASE_URL"
            said = f"; {ignored} is, and nothing reads it" if ignored in os.environ else ""
            raise SettingsError(
                f"{DATABASE_URL_VARIABLE} is not set{said}",
                hint="set it to your project's connection string (Dashboard, Connect, Session"
                " pooler or Direct), or run `supa-assets demo` to see it work.",
            )
        return self.database_url.get_secret_value()


class Settings(BaseModel):
    """What a user can set, in three groups. Frozen: a run has one set of settings.

    Users know each setting by its name alone, whatever its group: so does `Settings.of`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: Choice = Choice()
    running: Running = Running()
    places: Places = Places()

    @classmethod
    def of(cls, **given: Any) -> Settings:
        """Settings by their names; what isn't given has its default. Raises pydantic's ValidationError."""
        grouped: dict[str, dict[str, Any]] = {}
        for name, value in given.items():
            grouped.setdefault(SETTING_GROUPS[name], {})[name] = value
        return cls.model_validate(grouped)

    def values(self, *, only_given: bool = False, as_json: bool = False) -> dict[str, Any]:
        """By their names: all, or those that were given. `as_json` they are fit for JSON, and the URL is masked."""
        mode = "json" if as_json else "python"
        return {
            name: value
            for group in (self.choice, self.running, self.places)
            for name, value in group.model_dump(mode=mode, exclude_unset=only_given).items()
        }

    def changed(self, **given: Any) -> Settings:
        """The same settings but for these, by their names."""
        return Settings.of(**{**self.values(only_given=True), **given})


SETTING_GROUPS = {
    name: group
    for group, model in (("choice", Choice), ("running", Running), ("places", Places))
    for name in model.model_fields
}
"""Every setting's name, with the group that it belongs to."""


def load_settings(
    environment: Mapping[str, str] | None = None, *, folder: Path | None = None, **overrides: Any
) -> Settings:
    """Settings from everywhere; `overrides` are the command line's, None among them meaning not given.

    Raises SettingsError, naming the variable or the line, for what is unknown or not valid.
    """
    folder = folder or Path()
    from_file = _from_file(folder / SETTINGS_FILE)
    from_environment = _from_environment(environment, folder)
    from_caller = {name: value for name, value in overrides.items() if value is not None}
    places = {
        **dict.fromkeys(from_file, SETTINGS_FILE),
        **{name: _variable(name) for name in from_environment},
    }
    return build_settings(
        {**from_file, **from_environment, **from_caller},
        places={name: where for name, where in places.items() if name not in from_caller},
    )


def build_settings(
    given: Mapping[str, Any], *, places: Mapping[str, str] = MappingProxyType({})
) -> Settings:
    """Settings by their names alone; raises SettingsError, naming the one that is unknown or not valid.

    `places` says of names where they are set: in a variable, or in the file. One that there was once is ignored, with a
    warning that says why.
    """
    for name in given.keys() & _RETIRED.keys():
        _warn_of_retired(name)
    given = {name: value for name, value in given.items() if name not in _RETIRED}
    if unknown := sorted(set(given) - set(SETTING_GROUPS)):
        raise _explain_unknown(unknown[0], given[unknown[0]], places.get(unknown[0]))
    try:
        return Settings.of(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        _, *place = first["loc"]  # the group, which users don't know
        name = str(place[0])
        raise SettingsError(
            f'setting "{_place(place, given)}" is not valid: {_lower(first["msg"])}',
            hint=f"{_advise(first, place)}mend it {_where(places.get(name))}; docs/CONFIGURATION.md lists what each"
            " takes.",
        ) from None


@lru_cache
def _warn_of_retired(name: str) -> None:
    """Once in a process, however often it loads the settings."""
    _log.warning(
        'setting "%s" is ignored: %s; remove it where it is set (%s%s or %s)',
        name, _RETIRED[name], _PREFIX, name.upper(), SETTINGS_FILE,
    )  # fmt: skip


def describe_setting(name: str, values: Sequence[str]) -> str:
    """A setting that takes a list, as it is written on a command line; as in the file, where that can't say it."""
    if any("," in value or value != value.strip() for value in values):
        return f"{name} = {json.dumps(list(values), ensure_ascii=False)} in {SETTINGS_FILE}"
    return f"{_PREFIX}{name.upper()}={shlex.quote(','.join(values))}"


def find_target_url() -> str | None:
    """The database that restores write to, of the environment or .env."""
    url = os.environ.get(TARGET_URL_VARIABLE) or read_dotenv().get(TARGET_URL_VARIABLE)
    return (url or "").strip() or None


def find_dagster_home() -> Path | None:
    """DAGSTER_HOME of the environment or .env: the user's own Dagster instance."""
    home = os.environ.get(DAGSTER_HOME_VARIABLE) or read_dotenv().get(DAGSTER_HOME_VARIABLE)
    return Path(os.path.expanduser(home)) if home else None  # noqa: PTH111 - Path's raises without a home


def read_dotenv() -> dict[str, str]:
    """The variables of .env in the current folder; those of the environment win over them."""
    return _from_dotenv(Path(".env"))


def _find_users_state_folder() -> Path | None:
    """A relative path in the variable counts as none, as the specification says."""
    folder = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not folder.is_absolute():
        folder = Path(os.path.expanduser("~")) / ".local" / "state"  # noqa: PTH111 - as above
    return folder / "supa-assets" if folder.is_absolute() else None


def _explain_unknown(name: str, value: object, place: str | None) -> SettingsError:
    """Names the one that was meant, in the form of the place that the unknown one stands in."""
    said = f'setting "{name}" is unknown'
    if place not in (None, SETTINGS_FILE):
        said += f": {place} is set"
    close = get_close_matches(name.casefold(), SETTING_GROUPS, n=1, cutoff=0.6)
    inside = sorted(value) if isinstance(value, Mapping) else []
    if close:
        right = close[0] if place in (None, SETTINGS_FILE) else _variable(close[0])
        hint = f"did you mean {right}? mend it {_where(place)}."
    elif set(inside) & set(SETTING_GROUPS):
        hint = f"settings stand in no section: move {', '.join(inside)} before the first one."
    else:
        hint = f"remove it {_where(place)}; docs/CONFIGURATION.md lists all settings."
    return SettingsError(said, hint=hint)


def _variable(name: str) -> str:
    """The environment variable of a setting."""
    return DATABASE_URL_VARIABLE if name == "database_url" else f"{_PREFIX}{name.upper()}"


def _where(place: str | None) -> str:
    """Where it is to be mended."""
    if place is None:
        return "where it is given"
    return f"in {place}" if place == SETTINGS_FILE else f"where {place} is set"


def _advise(error: ErrorDetails, place: Sequence[int | str]) -> str:
    """What was meant by a key that a table's section can't have."""
    if error["type"] != "extra_forbidden":
        return ""
    close = get_close_matches(str(place[-1]), TableForms.model_fields, n=1)
    return (
        f"did you mean {close[0]}? "
        if close
        else f"it can hold {', '.join(TableForms.model_fields)}; "
    )


def _place(location: Sequence[int | str], given: Mapping[str, Any]) -> str:
    """The setting's name; within `tables` the section's and the key's, too."""
    tables = given.get("tables")
    if location[0] == "tables" and len(location) > 1 and isinstance(tables, Mapping):
        section = list(tables)[int(location[1])]
        return ".".join(["tables", f'"{section}"', *map(str, location[3:])])
    return str(location[0])


def _lower(message: str) -> str:
    """Pydantic's message in this project's way; what it quotes keeps its capitals."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _from_environment(environment: Mapping[str, str] | None, folder: Path) -> dict[str, Any]:
    if environment is None:
        environment = {**_from_dotenv(folder / ".env"), **os.environ}
    given: dict[str, Any] = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(_PREFIX) and value and name.removeprefix(_PREFIX) not in _NO_SETTINGS
    }
    if url := environment.get(DATABASE_URL_VARIABLE, "").strip():
        given["database_url"] = url
    return given


def _from_dotenv(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise _explain_unreadable(path, error) from None


def _explain_unreadable(path: Path, error: OSError | UnicodeDecodeError) -> SettingsError:
    reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8"
    return SettingsError(
        f'"{path}" can\'t be read: {reason}',
        hint="make it a readable text file in UTF-8, or move it away.",
        path=str(path),
    )


def _from_file(path: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _explain_unreadable(path, error) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f'"{path}" is not TOML: {error}', hint="mend the line.", path=str(path)
        ) from None
    if "database_url" in given:
        raise SettingsError(
            f'"{path}" holds "database_url", which would put a password into a file',
            hint=f"set {DATABASE_URL_VARIABLE} in the environment or in .env.",
            path=str(path),
        )
    return given

"""Settings of what is exported and how it looks; docs/CONFIGURATION.md names each."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from supa_assets.errors import SettingsError
from supa_assets.naming import Relation
from supa_assets.settings import SETTING_GROUPS, Settings, load_settings
from supa_assets_tests.support.databases import Database

DOCUMENT = Path(__file__).parents[1] / "docs" / "CONFIGURATION.md"


def test_every_setting_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(SETTING_GROUPS)


def test_the_documented_defaults_are_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    defaults = Settings().values(as_json=True)
    for name, documented in rows:
        default = defaults[name]
        shown = ", ".join(default) if isinstance(default, list) else json.dumps(default).strip('"')
        assert shown == documented, name


def test_the_documented_example_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    (tmp_path / "supa-assets.toml").write_text(example)
    settings = load_settings({}, folder=tmp_path)
    assert settings.choice.forms(Relation("public", "sensor_readings")).order == "physical"
    assert settings.choice.forms(Relation("public", "sensor_readings")).timestamps == "utc"
    assert settings.choice.forms(Relation("public", "orders")).int8 == "string"
    assert hash(settings) == hash(load_settings({}, folder=tmp_path))


def test_settings_survive_the_way_into_a_runs_processes(tmp_path: Path) -> None:
    (tmp_path / "supa-assets.toml").write_text('[tables."public.a"]\nbytea = "base64"\n')
    settings = load_settings({}, folder=tmp_path)
    carried = json.loads(json.dumps(settings.values(only_given=True, as_json=True)))
    assert load_settings({}, folder=tmp_path / "elsewhere", **carried) == settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('schemas = ["pg_catalog"]', 'setting "schemas" is not valid: schema "pg_catalog" is'),
        ('platform_schemas = ["net"]', 'setting "platform_schemas" is not valid: "net" is none of'),
        ('exclude = ["tmp"]', 'setting "exclude" is not valid: "tmp" has no dot'),
        ('include = ["tmp"]', 'setting "include" is not valid: "tmp" has no dot'),
        ('order = "random"', "setting \"order\" is not valid: input should be 'primary_key'"),
        ('[tables.orders]\nint8 = "number"', 'setting "tables" is not valid: "orders" has no dot'),
        ('[tables."public.A"]\nint8 = 7', 'setting "tables."public.A".int8" is not valid'),
        ('[tables."public.A"]\nint9 = 7', 'setting "tables."public.A".int9" is not valid'),
    ],
)
def test_what_is_not_valid_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "supa-assets.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, folder=tmp_path)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_patterns_select_tables_and_change_no_others_name(database: Database) -> None:
    database.execute(
        "CREATE SCHEMA billing",
        "CREATE TABLE orders (id int)",
        'CREATE TABLE "Orders" (id int)',
        "CREATE TABLE tmp_orders (id int)",
        "CREATE TABLE billing.orders (id int)",
    )
    schemas = ("public", "billing")
    everything = {str(t.relation): t.name for t in database.plan(schemas=schemas).tables}

    def select(**patterns: tuple[str, ...]) -> dict[str, str]:
        return {str(t.relation): t.name for t in database.plan(schemas=schemas, **patterns).tables}

    assert set(select(exclude=("public.tmp_*", "public.orders"))) == {
        "public.Orders",
        "billing.orders",
    }
    assert set(select(include=("*.orders",))) == {"public.orders", "billing.orders"}
    assert set(select(include=("public.*",), exclude=("*.tmp_*", "*.[o]rders"))) == {
        "public.Orders"
    }
    assert select(exclude=("public.orders",)).items() <= everything.items()


def test_values_take_the_form_that_is_set(any_database: Database) -> None:
    payload = bytes(range(100))
    any_database.execute(
        "CREATE TABLE cases (id int8 PRIMARY KEY, ids int8[], at timestamp, ats timestamp[],"
        " payload bytea, payloads bytea[])",
        "INSERT INTO cases VALUES (9007199254740993, '{1,9007199254740993}', '2026-01-02 03:04:05.1',"
        f" '{{2026-01-02 03:04:05}}', '\\x{payload.hex()}', ARRAY['\\x01'::bytea])",
    )
    table = any_database.table(int8="number", timestamps="naive", bytea="base64")
    (row,) = json.loads(any_database.export(table))

    assert row["id"] == 9007199254740993
    assert row["ids"] == [1, 9007199254740993]
    assert row["at"] == "2026-01-02T03:04:05.1"
    assert row["ats"] == ["2026-01-02T03:04:05"]
    assert base64.b64decode(row["payload"], validate=True) == payload
    assert row["payloads"] == ["\\x01"]
    encodings = {column.entry.name: column.entry.encoding for column in table.rows.columns}
    assert encodings["payload"] == "base64"
    assert encodings["id"] == "number"


def test_physical_order_is_the_tables_own(database: Database) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY)", "INSERT INTO cases VALUES (2), (3), (1)"
    )
    table = database.table(tables={"public.cases": {"order": "physical"}})
    assert [row["id"] for row in json.loads(database.export(table))] == [2, 3, 1]
    assert table.ordered_by == []
    assert table.primary_key == ["id"]

"""Settings: where each comes from, which wins, and what is said of those that are wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from supa_assets.errors import SettingsError
from supa_assets.naming import Relation
from supa_assets.settings import (
    DATABASE_URL_VARIABLE,
    SETTINGS_FILE,
    TARGET_URL_VARIABLE,
    Choice,
    Places,
    Running,
    Settings,
    TableForms,
    ValueForms,
    build_settings,
    describe_setting,
    find_target_url,
    load_settings,
)


def refusal(environment: dict[str, str] | None = None, *, folder: Path) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        load_settings(environment if environment is not None else {}, folder=folder)
    assert "\n" not in raised.value.message
    assert raised.value.hint
    return raised.value


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings({}, folder=tmp_path) == Settings()


def test_command_line_beats_environment_beats_dotenv_beats_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SETTINGS_FILE).write_text(
        'output = "file"\nstreaming_threshold = 1\nprogress_rows = 1\nchunk_bytes = 2048\n'
    )
    (tmp_path / ".env").write_text(
        "SUPA_ASSETS_OUTPUT=dotenv\nSUPA_ASSETS_STREAMING_THRESHOLD=2\nSUPA_ASSETS_PROGRESS_ROWS=2\n"
        "SUPABASE_DB_URL=postgresql://u:p%24%23@h/d\n"
    )
    monkeypatch.setenv("SUPA_ASSETS_OUTPUT", "environment")
    monkeypatch.setenv("SUPA_ASSETS_STREAMING_THRESHOLD", "3")
    monkeypatch.delenv("SUPABASE_DB_URL", raising=False)
    settings = load_settings(folder=tmp_path, output=Path("line"), state=None)
    assert settings.places.output == "line"
    assert (
        settings.running.streaming_threshold,
        settings.running.progress_rows,
        settings.running.chunk_bytes,
    ) == (
        3,
        2,
        2048,
    )
    assert settings.places.require_database_url() == "postgresql://u:p%24%23@h/d"


def test_lists_come_from_the_environment_with_commas_and_from_the_file_as_lists(
    tmp_path: Path,
) -> None:
    assert load_settings(
        {"SUPA_ASSETS_SCHEMAS": " public, billing,"}, folder=tmp_path
    ).choice.schemas == (
        "public",
        "billing",
    )
    (tmp_path / SETTINGS_FILE).write_text('schemas = ["a,b", "c"]\n')
    assert load_settings({}, folder=tmp_path).choice.schemas == ("a,b", "c")


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    given = {"SUPABASE_DB_URL": "  ", "SUPA_ASSETS_OUTPUT": ""}
    assert load_settings(given, folder=tmp_path) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("STREAMING_THRESHOLD", "many", "input should be a valid integer"),
        ("STREAMING_THRESHOLD", "-1", "greater than or equal to 0"),
        ("CHUNK_BYTES", "1", "greater than or equal to 1024"),
        ("CHUNK_BYTES", "99999999999", "less than or equal to 67108864"),
        ("AUTH", "maybe", "valid boolean"),
        ("CONNECT_TIMEOUT_S", "0", "greater than or equal to 1"),
        ("RETRIES", "-1", "greater than or equal to 0"),
        ("RETRIES", "101", "less than or equal to 100"),
        ("RETRIES", "1.5", "valid integer"),
        ("RETRY_DELAY_S", "-1", "greater than or equal to 0"),
        ("POOL", "my pool", "should match pattern"),
    ],
)
def test_a_bad_value_is_named_with_the_variable(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    error = refusal({f"SUPA_ASSETS_{variable}": value}, folder=tmp_path)
    assert error.message.startswith(f'setting "{variable.lower()}" is not valid: ')
    assert said in error.message
    assert f"SUPA_ASSETS_{variable}" in str(error.hint)


def test_an_unknown_setting_offers_the_close_one(tmp_path: Path) -> None:
    error = refusal({"SUPA_ASSETS_SCHEMA": "public"}, folder=tmp_path)
    assert error.message == 'setting "schema" is unknown: SUPA_ASSETS_SCHEMA is set'
    assert error.hint == (
        "did you mean SUPA_ASSETS_SCHEMAS? mend it where SUPA_ASSETS_SCHEMA is set."
    )
    assert refusal({"SUPA_ASSETS_QQQ": "1"}, folder=tmp_path).hint == (
        "remove it where SUPA_ASSETS_QQQ is set; docs/CONFIGURATION.md lists all settings."
    )


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("sreams = 3", 'setting "sreams" is unknown', "did you mean streams? mend it in supa-assets.toml."),
        ('[table."public.t"]\norder = "physical"', 'setting "table" is unknown',
         "did you mean tables? mend it in supa-assets.toml."),
        ("[running]\nstreams = 3\nretries = 1", 'setting "running" is unknown',
         "settings stand in no section: move retries, streams before the first one."),
        ('[tables."public.t"]\nordr = "physical"', 'setting "tables."public.t".ordr" is not valid: ',
         "did you mean order? mend it in supa-assets.toml; "),
        ('[tables."public.t"]\ncolour = 1', 'setting "tables."public.t".colour" is not valid: ',
         "it can hold order, int8, timestamps, bytea; mend it in supa-assets.toml; "),
        ('streams = "many"', 'setting "streams" is not valid: ', "mend it in supa-assets.toml; "),
        ('tables = "t"', 'setting "tables" is not valid: ', "mend it in supa-assets.toml; "),
        ("schemas = 3", 'setting "schemas" is not valid: ', "mend it in supa-assets.toml; "),
    ],
)  # fmt: skip
def test_a_typo_in_the_file_points_at_what_was_meant_and_at_the_file(
    tmp_path: Path, text: str, said: str, hint: str
) -> None:
    (tmp_path / SETTINGS_FILE).write_text(text)
    error = refusal(folder=tmp_path)
    assert error.message.startswith(said)
    assert str(error.hint).startswith(hint)
    assert "SUPA_ASSETS_" not in str(error.hint)


def test_of_a_value_the_place_is_named_that_wins(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text("streams = 2\n")
    error = refusal({"SUPA_ASSETS_STREAMS": "0"}, folder=tmp_path)
    assert "where SUPA_ASSETS_STREAMS is set" in str(error.hint)
    with pytest.raises(SettingsError, match="mend it where it is given"):
        load_settings({"SUPA_ASSETS_STREAMS": "2"}, folder=tmp_path, streams=0)


def test_a_url_under_a_name_that_nothing_reads_is_pointed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPA_ASSETS_DATABASE_URL", "postgresql://u:p@h/d")
    with pytest.raises(SettingsError, match="SUPA_ASSETS_DATABASE_URL is, and nothing reads it"):
        Places().require_database_url()


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text('output = "x"\nschemas = [\n')
    error = refusal(folder=tmp_path)
    assert f'"{tmp_path / SETTINGS_FILE}" is not TOML' in error.message


@pytest.mark.parametrize("name", [SETTINGS_FILE, ".env"])
def test_a_file_that_is_not_utf8(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(b"SUPABASE_DB_URL='postgresql://u:hunter2\xff'\n")
    monkeypatch.delenv("SUPABASE_DB_URL", raising=False)
    with pytest.raises(SettingsError) as raised:
        load_settings(folder=tmp_path)
    assert raised.value.message == f"\"{tmp_path / name}\" can't be read: it isn't UTF-8"
    assert "hunter2" not in str(raised.value)


def test_a_folder_in_the_files_place(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).mkdir()
    assert "can't be read: Is a directory" in refusal(folder=tmp_path).message


def test_a_url_in_the_file_is_refused_without_being_quoted(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text('database_url = "postgresql://u:hunter2@h/d"\n')
    error = refusal(folder=tmp_path)
    assert "would put a password into a file" in error.message
    assert "hunter2" not in str(error)


def test_a_url_is_in_no_text_of_the_settings() -> None:
    settings = load_settings({"SUPABASE_DB_URL": "postgresql://u:hunter2@h/d"})
    assert (
        "hunter2"
        not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    )


def test_a_setting_is_known_by_its_name_whatever_its_group() -> None:
    settings = Settings.of(schemas=("billing",), streams=5, output=Path("out"))
    assert settings.choice == Choice(schemas=("billing",))
    assert settings.running == Running(streams=5)
    assert settings.places == Places(output="out")
    assert settings.values(only_given=True).keys() == {"schemas", "streams", "output"}
    assert settings.changed(streams=1).values(only_given=True)["schemas"] == ("billing",)


def test_a_tables_own_section_differs_in_what_it_names_and_in_nothing_else() -> None:
    choice = Choice(int8="number", tables=(("public.t", TableForms(order="physical")),))
    assert choice.forms(Relation("public", "t")) == ValueForms(order="physical", int8="number")
    assert choice.forms(Relation("public", "u")) == ValueForms(int8="number")


def test_a_pool_has_a_name_that_dagster_takes_or_is_none(tmp_path: Path) -> None:
    def pool(text: str) -> str:
        (tmp_path / SETTINGS_FILE).write_text(text)
        return load_settings({}, folder=tmp_path).running.pool

    assert pool("") == "supa_assets"
    assert pool('pool = ""') == ""
    assert pool('pool = "databases/eu-1"') == "databases/eu-1"
    with pytest.raises(SettingsError, match='setting "pool" is not valid'):
        pool('pool = "exports\\n"')


def test_attempts_and_the_time_between_them_can_be_none(tmp_path: Path) -> None:
    given = {"SUPA_ASSETS_RETRIES": "0", "SUPA_ASSETS_RETRY_DELAY_S": "0"}
    running = load_settings(given, folder=tmp_path).running
    assert (running.retries, running.retry_delay_s) == (0, 0)


# Settings that there were once


RETIRED = (
    'setting "executor" is ignored: an export is one step of Dagster\'s, and runs under whatever executor the code'
    " location has; remove it where it is set (SUPA_ASSETS_EXECUTOR or supa-assets.toml)\n"
)


@pytest.mark.parametrize("place", ["environment", "dotenv", "file", "keyword"])
def test_a_retired_setting_is_ignored_with_one_warning_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delenv("SUPA_ASSETS_EXECUTOR", raising=False)
    if place == "environment":
        monkeypatch.setenv("SUPA_ASSETS_EXECUTOR", "multiprocess")
    elif place == "dotenv":
        (tmp_path / ".env").write_text("SUPA_ASSETS_EXECUTOR=multiprocess\n")
    elif place == "file":
        (tmp_path / SETTINGS_FILE).write_text('executor = "multiprocess"\n')
    keyword = '"multiprocess"' if place == "keyword" else "None"
    program = (
        "from supa_assets.settings import load_settings\n"
        f"first, second = [load_settings(streams=3, executor={keyword}) for _ in range(2)]\n"
        "print(first == second, first.running.streams, 'executor' in first.values())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("True 3 False\n", RETIRED)


def test_whatever_a_retired_setting_says_only_the_others_are_checked() -> None:
    assert build_settings({"executor": 7}) == Settings()
    with pytest.raises(SettingsError, match='setting "executors" is unknown'):
        build_settings({"executor": "in_process", "executors": 2})


def test_a_missing_url_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(SettingsError, match=f"{DATABASE_URL_VARIABLE} is not set"):
        Places().require_database_url()


def test_a_targets_url_comes_from_the_environment_or_the_dotenv_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TARGET_URL_VARIABLE, raising=False)
    assert find_target_url() is None
    (tmp_path / ".env").write_text(f"{TARGET_URL_VARIABLE}=postgresql://a/b\n")
    assert find_target_url() == "postgresql://a/b"
    monkeypatch.setenv(TARGET_URL_VARIABLE, " postgresql://c/d ")
    assert find_target_url() == "postgresql://c/d"
    assert load_settings(folder=tmp_path) is not None  # it is no setting


def test_settings_are_built_from_values_as_they_stand_in_python_or_in_a_file() -> None:
    built = build_settings(
        {"schemas": ["billing"], "streams": "5", "tables": {"public.t": {"order": "physical"}}}
    )
    assert built == Settings.of(
        schemas=("billing",), streams=5, tables=(("public.t", TableForms(order="physical")),)
    )
    assert build_settings({}) == Settings()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"choice": {"schemas": ["a"]}}, 'setting "choice" is unknown'),  # a group is no setting
        ({"streams": 0, "auth": True}, 'setting "streams" is not valid: '),
        ({"exclude": ["t"]}, 'setting "exclude" is not valid: "t" has no dot'),
        ({"tables": {"public.t": {}, "public.u": {"order": "random"}}},
         'setting "tables."public.u".order" is not valid: '),
        ({"tables": {"public.t": {"colour": "red"}}}, 'setting "tables."public.t".colour" is not valid: '),
    ],
)  # fmt: skip
def test_of_values_that_are_not_valid_the_place_is_named(
    given: dict[str, object], named: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        build_settings(given)
    assert raised.value.message.startswith(named)
    assert raised.value.hint


def test_a_setting_that_takes_a_list_is_written_as_a_command_line_or_the_file_takes_it(
    tmp_path: Path,
) -> None:
    assert (
        describe_setting("schemas", ["public", "billing"]) == "SUPA_ASSETS_SCHEMAS=public,billing"
    )
    assert describe_setting("auth_users_columns", ["*"]) == "SUPA_ASSETS_AUTH_USERS_COLUMNS='*'"
    odd = ["public", 'my, "own"']
    line, _, where = describe_setting("schemas", odd).partition(" in ")
    (tmp_path / where).write_text(line)
    assert load_settings({}, folder=tmp_path).choice.schemas == tuple(odd)

"""The docs are true: what they name exists, what exists they name, and what they print was run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from supa_assets import errors
from supa_assets.cli.commands import COMMANDS, commands
from supa_assets.demo.server import EmbeddedServer, binaries
from supa_assets.export.run import export_database
from supa_assets.files import export_log, metadata, structure
from supa_assets.plan import encoding
from supa_assets.server.connection import SESSION_SETTINGS
from supa_assets_tests.support.code import TESTS, functions, imports
from supa_assets_tests.support.copies import export_into
from supa_assets_tests.support.databases import Database, new_database

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "supa_assets"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *PACKAGE.rglob("*.md")])
OURS = [
    *(
        DOCS / name
        for name in (
            "ARCHITECTURE.md",
            "FORMAT.md",
            "PYTHON.md",
            "RELIABILITY.md",
            "RESTORE.md",
            "SECURITY.md",
            "TYPES.md",
        )
    ),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((DOCS / "decisions").glob("*.md")),
    PACKAGE / "server" / "sql" / "README.md",
]


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(text: str, level: int = 3) -> dict[str, str]:
    """By heading, each up to the next one of whatever level."""
    parts = re.split(r"^(#+ .*)$", text, flags=re.MULTILINE)
    prefix = "#" * level + " "
    return {
        heading.removeprefix(prefix): body
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
        if heading.startswith(prefix)
    }


def rows(text: str) -> list[list[str]]:
    """Cells of all table rows but the headings."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def first_words(text: str) -> list[str]:
    """What stands between the first backticks of each table row."""
    return [row[0].split("`")[1] for row in rows(text)]


def code(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


# FORMAT.md

MODELS = {
    name: model
    for module in (metadata, structure)
    for name, model in vars(module).items()
    if name in module.__all__ and isinstance(model, type) and issubclass(model, BaseModel)
}


def aliases(model: type[BaseModel]) -> list[str]:
    """Of the fields that are written."""
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


@pytest.mark.parametrize("name", MODELS)
def test_format_describes_every_field_of_a_model_and_no_other(name: str) -> None:
    described = first_words(sections(read("FORMAT.md"))[name])
    assert sorted(described) == sorted(aliases(MODELS[name]))


@pytest.mark.parametrize("name", MODELS)
def test_format_calls_optional_what_can_be_missing(name: str) -> None:
    """`exclude_none` leaves out what is None, so that is what can be missing."""
    marked = {
        row[0].strip("`") for row in rows(sections(read("FORMAT.md"))[name]) if "optional" in row[1]
    }
    fields_ = MODELS[name].model_fields
    missing = {f.alias or n for n, f in fields_.items() if type(None) in get_args(f.annotation)}
    assert marked == missing


def literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    for part in get_args(annotation):
        yield from literals(part) if not isinstance(part, str) else ()


@pytest.mark.parametrize("name", MODELS)
def test_format_names_every_word_that_a_field_can_hold(name: str) -> None:
    section = " ".join(sections(read("FORMAT.md"))[name].split())
    for field in MODELS[name].model_fields.values():
        for word in literals(field.annotation):
            assert f"`{word}`" in section


def test_format_has_the_current_version_in_its_history() -> None:
    history = sections(read("FORMAT.md"))["History of formatVersion"]
    assert re.findall(r"^\| (\d+) \|", history, re.MULTILINE)[-1] == str(metadata.FORMAT_VERSION)


def test_format_describes_every_field_and_event_of_the_log() -> None:
    section = sections(read("FORMAT.md"), level=2)["export.log"]
    assert first_words(section) == [field.name for field in fields(export_log.LogEvent)]
    assert all(f"`{event}`" in section for event in get_args(export_log.EventName))


@pytest.fixture(scope="module")
def exported(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Database]]:
    """A folder with a real export in ./migration-data, and the database that it is of."""
    folder = tmp_path_factory.mktemp("docs")
    with new_database(server) as database:
        database.execute(
            "CREATE TABLE organizations (id uuid PRIMARY KEY, name text, settings jsonb, share numeric)",
            "CREATE TABLE sites (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, docs json[], raw bytea,"
            ' "Total ""x" numeric GENERATED ALWAYS AS (id * 2) STORED, organization_id uuid REFERENCES organizations)',
            "CREATE TABLE empty_one (id int PRIMARY KEY)",
            "INSERT INTO organizations SELECT gen_random_uuid(), E'a \"\\\\ \\n 😀 \\u2028 ' || n,"
            " '{\"a\": [1.10]}', 1.10 FROM generate_series(1, 20) AS n",
            "INSERT INTO sites (docs, raw, organization_id)"
            " SELECT ARRAY['[1]', 'null', NULL]::json[], uuid_send(id) || repeat('x', 90)::bytea, id"
            " FROM organizations",
        )
        export(database, folder / "migration-data")
        yield folder, database


def export(database: Database, folder: Path) -> metadata.ExportMetadata:
    return export_into(database, folder, bytea="base64")


def run(command: list[str], folder: Path, **variables: str) -> str:
    environment = {**os.environ, "PATH": f"{binaries()}:{os.environ['PATH']}", **variables}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sed_makes_json_lines_of_every_file(exported: tuple[Path, Database]) -> None:
    folder, _ = exported
    (snippet,) = (block for block in code(read("FORMAT.md"), "sh") if block.startswith("sed"))
    run(["sh", "-c", snippet], folder)
    assert (folder / "organizations.jsonl").read_bytes().count(b"\n") == 20
    run(["sh", "-c", snippet.replace("organizations", "empty_one")], folder)
    assert (folder / "empty_one.jsonl").read_bytes() == b""


def test_the_reader_in_python_reads_every_row(exported: tuple[Path, Database]) -> None:
    folder, _ = exported
    snippet = next(block for block in code(read("FORMAT.md"), "python") if "parse_float" in block)
    printed = run([sys.executable, "-c", snippet], folder).splitlines()
    assert len(printed) == 20
    assert "Decimal('1.10')" in printed[0]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_reader_in_node_reads_every_row(exported: tuple[Path, Database]) -> None:
    folder, _ = exported
    (snippet,) = code(read("FORMAT.md"), "js")
    counted = snippet.replace("console.log(row)", "console.log(row.id)")
    assert counted != snippet
    assert len(run(["node", "-e", counted], folder).splitlines()) == 20


def test_a_table_is_loaded_back_by_hand_as_format_tells(exported: tuple[Path, Database]) -> None:
    folder, source = exported
    snippets = [block for block in code(read("FORMAT.md"), "sh") if block.startswith("psql")]
    assert len(snippets) == 2
    with new_database(source.server) as target:
        target.execute(
            "CREATE TABLE organizations (id uuid PRIMARY KEY, name text, settings jsonb, share numeric)",
            "CREATE TABLE copies (LIKE organizations)",
        )
        by_line = snippets[1].replace("sites.json", "organizations.json").replace("sites", "copies")
        for snippet in (snippets[0], by_line):
            run(["sh", "-c", snippet], folder, TARGET=target.superuser_url)
        query = "SELECT t::text FROM {} AS t ORDER BY id"
        expected = source.fetch(query.format("organizations"))
        assert target.fetch(query.format("organizations")) == expected
        assert target.fetch(query.format("copies")) == expected


def test_a_whole_export_is_loaded_back_by_hand_as_format_tells(
    exported: tuple[Path, Database],
) -> None:
    folder, source = exported
    program = next(block for block in code(read("FORMAT.md"), "python") if "# load.py" in block)
    (folder / "load.py").write_text(program, encoding="utf-8")
    call = next(block for block in code(read("FORMAT.md"), "sh") if "load.py" in block)
    with new_database(source.server) as target:
        schema = run(["pg_dump", "--schema-only", source.superuser_url], folder)
        (folder / "schema.sql").write_text(schema, encoding="utf-8")
        run(["psql", "-X", "-q", "-f", "schema.sql", target.superuser_url], folder)
        run(["sh", "-c", call], folder, TARGET=target.superuser_url)
        again = export(target, folder / "again")
    before = metadata.ExportMetadata.from_json(
        (folder / "migration-data" / "metadata.json").read_bytes(), path=""
    )
    assert {name: entry.sha256 for name, entry in again.tables.items()} == {
        name: entry.sha256 for name, entry in before.tables.items()
    }


# TYPES.md


def test_types_lists_every_encoding_and_no_other() -> None:
    listed = first_words(sections(read("TYPES.md"), level=2)["Encodings"])
    assert sorted(listed) == sorted(get_args(encoding.Encoding))


def test_types_names_every_type_that_has_a_rule_of_its_own() -> None:
    text = read("TYPES.md")
    for name in encoding.BUILT_IN:
        assert f"`{name}`" in text
    for name in encoding.BUILT_IN_ARRAY:
        assert f"`{name}[]`" in text


def test_types_lists_every_pinned_setting_with_its_value() -> None:
    section = sections(read("TYPES.md"), level=2)["Settings that the text depends on"]
    listed = {row[0].strip("`"): row[1].strip("`").replace("empty", "") for row in rows(section)}
    assert listed == SESSION_SETTINGS


def test_the_statement_in_types_restores_an_array_of_jsonb(database: Database) -> None:
    (statement,) = code(read("TYPES.md"), "sql")
    database.execute(
        "CREATE TABLE restored (id bigint GENERATED ALWAYS AS IDENTITY, docs jsonb[])", statement
    )
    assert database.fetch("SELECT id, docs::text FROM restored") == [(1, '{[1],"null"}')]


def test_types_names_each_count_of_holes_and_finds_its_rows(database: Database) -> None:
    section = sections(read("TYPES.md"), level=2)["Known holes"]
    described, found = rows(section)[:5], rows(section)[5:]
    counts = [field.alias for field in metadata.HolesEntry.model_fields.values()]
    assert [row[0].strip("`") for row in described] == counts
    assert [row[0].strip("`") for row in found] == counts
    database.execute(
        "CREATE TABLE t (id int, doc json, docs jsonb, tags text[], n int8, at timestamptz)",
        "INSERT INTO t VALUES (1, '{}', '[null]', '{{a}}', 1, '2026-01-01')",
        r"""INSERT INTO t VALUES (2, '"\ud800"', 'null', '[1:1][0:0]={{a}}', 9007199254740992, 'infinity')""",
    )
    for _, cell in found:
        condition = cell.split("`")[1].replace("jsonb_typeof(doc)", "jsonb_typeof(docs)")
        assert database.fetch(f"SELECT id FROM t {condition}") == [(2,)], condition


# PYTHON.md


@pytest.mark.slow
@pytest.mark.parametrize("number", range(5))
def test_each_program_in_python_exports_every_table(
    exported: tuple[Path, Database], tmp_path: Path, number: int
) -> None:
    _, source = exported
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    programs = [code(readme, "python")[0], *code(read("PYTHON.md"), "python")]
    assert len(programs) == 5
    program = programs[number].replace("postgresql://…", source.url)
    run([sys.executable, "-c", program], tmp_path, SUPABASE_DB_URL=source.url)
    written = metadata.ExportMetadata.from_json(
        (tmp_path / "migration-data" / "metadata.json").read_bytes(), path=""
    )
    only = ["organizations"] if "named=" in program else ["empty_one", "organizations", "sites"]
    assert list(written.tables) == only


def test_python_names_every_parameter_and_every_error() -> None:
    text = read("PYTHON.md")
    parameters = [name for name in signature(export_database).parameters if name != "settings"]
    assert [name for name in parameters if f"`{name}`" not in text] == []
    raised = set(errors.__all__) - {"TargetError"}
    assert [name for name in raised if f"`{name}`" not in text] == []


# ARCHITECTURE.md


def shipped_files() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".sql") and "__pycache__" not in path.parts
    }


def test_architecture_names_every_module_and_query() -> None:
    text = read("ARCHITECTURE.md")
    assert {file for file in shipped_files() if f"| `{file}` |" not in text} == set()


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:supa_assets|supa_assets_tests|docs|deploy|\.ci)/[^`*<…\s]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_architecture_links_every_decision() -> None:
    linked = set(re.findall(r"\(decisions/([^)]+)\)", read("ARCHITECTURE.md")))
    assert linked == {page.name for page in (DOCS / "decisions").glob("*.md")}


@pytest.mark.parametrize(
    "page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.stem
)
def test_a_decision_has_context_decision_and_consequences(page: Path) -> None:
    headings = list(sections(page.read_text(encoding="utf-8"), level=2))
    assert headings == ["Context", "Decision", "Consequences"]


def test_architecture_gives_a_reason_for_every_dependency() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.findall(
        r'^\s*(?:demo = \[)?"([a-z0-9-]+)(?:\[[\w,]+\])?[<>=]', declared, re.MULTILINE
    )
    section = sections(read("ARCHITECTURE.md"), level=2)["Dependencies"]
    named = [name for row in rows(section) for name in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(named) == sorted(set(listed) - {"setuptools"})


def private_names() -> set[tuple[str, str]]:
    """What the package takes from Dagster's private modules, for type checkers or at run time, and where."""
    return {
        (module, str(file.relative_to(ROOT)))
        for file in PACKAGE.rglob("*.py")
        for module in imports(file)
        if module.startswith(("dagster._", "dagster_shared"))
    }


def test_the_page_on_private_names_has_every_private_name_and_no_other() -> None:
    listed = rows(read("decisions/dagsters-private-names.md"))
    names = [(row[0].strip("`"), row[1].strip("`")) for row in listed]
    used = private_names()
    for module, file in used:
        assert [1 for name, where in names if where == file and is_of(name, module)], (module, file)
    for name, where in names:
        assert [1 for module, file in used if where == file and is_of(name, module)], name


def is_of(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def test_each_private_name_has_a_test_that_notices_its_change() -> None:
    page = read("decisions/dagsters-private-names.md")
    for row in rows(page):
        assert re.fullmatch(r"`test_\w+`", row[3]), row[0]
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named - {f.name for file in TESTS.rglob("test_*.py") for f in functions(file)} == set()


@pytest.mark.slow
def test_the_downstream_asset_in_architecture_is_a_valid_code_location(
    exported: tuple[Path, Database],
) -> None:
    folder, _ = exported
    (snippet,) = code(read("ARCHITECTURE.md"), "python")
    materialize = (
        "\nr = dg.materialize(defs.assets, selection=[names], resources=defs.resources)"
        "\nprint(len(r.output_for_node('names')))"
    )
    assert run([sys.executable, "-c", snippet + materialize], folder) == "20\n"


# Every page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", page.read_text(encoding="utf-8")):
        path, anchor = target
        if "://" in path or path.startswith("mailto:"):
            continue
        linked = (page.parent / path) if path else page
        assert linked.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {as_anchor(heading) for heading in headings}, target


def as_anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_no_line_of_prose_is_longer_than_120_characters(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("| ")] == []


# The command line


def command_of(name: str) -> click.Command:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return command


def every_command() -> list[tuple[str, click.Command]]:
    return [(name, command_of(name)) for name in COMMANDS]


@pytest.mark.parametrize(("name", "command"), every_command(), ids=str)
def test_readme_names_every_command_and_help_says_what_each_option_does(
    name: str, command: click.Command
) -> None:
    assert f"supa-assets {name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    shown = CliRunner().invoke(commands, [name, "--help"])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: commands {name} ")
    assert command.help
    for option in (p for p in command.params if isinstance(p, click.Option)):
        assert option.help, option.name
        assert option.opts[0] in shown.output
    assert max(map(len, shown.output.splitlines())) <= 100


@pytest.mark.parametrize("name", ["restore", "prove"])
def test_restore_names_every_option_of_its_commands(name: str) -> None:
    for option in (p for p in command_of(name).params if isinstance(p, click.Option)):
        assert f"`{option.opts[0]}" in read("RESTORE.md")


@pytest.mark.parametrize("name", ["export"])
def test_readme_names_every_option_of_the_main_command(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for option in (p for p in command_of(name).params if isinstance(p, click.Option)):
        assert option.opts[0] in readme


def test_each_promise_stands_beside_tests_that_there_are() -> None:
    tests = {f.name for file in TESTS.rglob("test_*.py") for f in functions(file)}
    lines = [line for line in read("RELIABILITY.md").splitlines() if line.startswith("| ")]
    promises = [line for line in lines if not line.endswith("| test |")]
    named = [set(re.findall(r"`(test_\w+)`", line)) for line in promises]
    assert all(named)
    assert set().union(*named) - tests == set()

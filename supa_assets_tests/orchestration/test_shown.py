"""What Dagster shows of a database: text, whatever it looks like."""

from __future__ import annotations

import ast
from collections.abc import Callable

import dagster as dg
import pytest

from supa_assets.errors import SourceError
from supa_assets.orchestration.failures import as_failure
from supa_assets.orchestration.shown import PlainLog, as_markdown
from supa_assets_tests.support.code import PACKAGE
from supa_assets_tests.support.hostile import SCHEMA, list_steering
from supa_assets_tests.support.project import Project


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Who pays.", "Who pays."),
        ("5.5 % (of 10) - e.g. a/b: x=y", "5.5 % (of 10) - e.g. a/b: x=y"),
        ("# heading", r"\# heading"),
        ("![x](http://h/t)", r"\!\[x\](http://h/t)"),
        ("[click](javascript:alert(1))", r"\[click\](javascript:alert(1))"),
        ("<img src=x onerror=y>", r"\<img src=x onerror=y\>"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("| a | b |", r"\| a \| b \|"),
        ("- item\n1. one\n2) two", "\\- item  \n1\\. one  \n2\\) two"),
        ("title\n===\n---", "title  \n\\===  \n\\---"),
        ("    code\n\tcode", "code  \ncode"),
        ("`a` *b* _c_ ~d~ \\e", r"\`a\` \*b\* \_c\_ \~d\~ \\e"),
        ("\x1b[31m\u202e", "\\\\x1b\\[31m\\\\u202e"),
    ],
)
def test_markdown_shows_the_text_itself(text: str, shown: str) -> None:
    assert as_markdown(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = as_markdown("x" * 100_000)
    assert shown == "x" * 2_000 + "  \n… (cut)"


def test_a_log_gets_no_control_character(capfd: pytest.CaptureFixture[str]) -> None:
    log = PlainLog(dg.build_op_context().log)
    for say in (log.info, log.warning, log.error):
        say("a\x1b]0;owned\x07\n  b")
    said = capfd.readouterr().err
    assert said.count("a\\x1b]0;owned\\x07\n  b") == 3


def test_a_failure_carries_no_control_character() -> None:
    error = SourceError("a\x1b", hint="b\x9b", relation="c\u202e", found="d\u2028")
    failure = as_failure(error)
    values = [failure.description, *(str(v.value) for v in failure.metadata.values())]
    assert list_steering("".join(map(str, values))) == []
    assert len(values) == 5


def test_a_database_of_hostile_names_is_shown_plainly(
    make_project: Callable[..., Project], instance: dg.DagsterInstance
) -> None:
    project = make_project(SCHEMA)
    project.execute("ALTER TABLE labels ADD n int GENERATED ALWAYS AS (label::int) VIRTUAL")
    result = project.materialize(instance)
    records = instance.all_logs(result.run_id)
    told = [record.to_json() for record in records]  # type: ignore[no-untyped-call]
    assert len(result.asset_materializations_for_node("supa_assets_export")) >= 2
    assert [entry for entry in told if list_json_steering(entry)] == []


def list_json_steering(text: str) -> list[str]:
    """Dagster's JSON escapes what isn't ASCII."""
    plain = text.encode().decode("unicode_escape", "replace")
    return [found for found in list_steering(plain) if found.startswith("'")]


def test_no_log_of_a_run_is_written_past_the_border() -> None:
    wrong = []
    for file in (PACKAGE / "orchestration").glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        plain = {id(c.args[0]) for c in calls if ast.unparse(c.func) == "PlainLog"}
        wrong += [
            (file.name, node.lineno)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr == "log"
            and ast.unparse(node).endswith("context.log")
            and id(node) not in plain
        ]
    assert wrong == []

"""The program as a whole: how an error or a signal leaves it, from its first moment on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supa_assets.cli.commands import commands
from supa_assets.cli.main import main
from supa_assets_tests.support.project import Project


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Call the program in this process; gives its exit code."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["supa-assets", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    yield call
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_error_of_ours_is_told_with_its_hint_and_ends_with_1(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", str(tmp_path)) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith('error: "')
    assert said[1].startswith("HINT: ")
    assert len(said) == 2


def test_a_wrong_command_line_ends_with_2(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verifi") == 2
    assert "No such command 'verifi'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, "interrupted\n"), (BrokenPipeError(), 1, "")],
    ids=["Ctrl-C", "closed pipe"],
)
def test_an_ending_from_outside_is_no_traceback(
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def end(**_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "main", end)
    assert run("export") == code
    assert capsys.readouterr().err == said


PROGRAM = """
from supa_assets.cli.interruption import end_at_once
end_at_once()
from supa_assets.cli.main import main
print("ready", flush=True)
main()
"""
"""Until its first line Python itself begins, and nobody can keep its tracebacks back."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("export", "--skip-auth"), ("verify",), ("doctor",)], ids=lambda given: given[0]
)
def test_a_signal_at_any_moment_is_a_line_and_no_traceback(
    project: Project, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Whatever is being imported, connected, written or cleared away at that moment."""
    (tmp_path / "migration-data").mkdir()
    for number, delay_s in enumerate((0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0)):
        sent = (signal.SIGINT, signal.SIGTERM)[number % 2]
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(delay_s)  # a moment like any other
            process.send_signal(sent)
            _, said = process.communicate(timeout=60)
        is_interrupted = process.returncode == 130
        assert "Traceback" not in said, (delay_s, said)
        assert is_interrupted == ("interrupted" in said), (delay_s, said)
        # Else it was done; in its very last moments Python has taken its handlers away.
        assert is_interrupted or process.returncode in (0, 1, -sent), (delay_s, said)

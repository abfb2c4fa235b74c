"""A password, wherever it stands, is in no output: not in a file, a log, a tag, an event or a message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from supa_assets.demo.server import EmbeddedServer
from supa_assets_tests.support.databases import new_database
from supa_assets_tests.support.programs import run_program
from supa_assets_tests.support.project import Project

pytestmark = pytest.mark.slow

PASSWORD = "s3cr3t p@ss/w:rd%41#ü"
FORMS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), quote(PASSWORD, safe="").lower())


@pytest.fixture
def keeper(server: EmbeddedServer, project: Project) -> Iterator[str]:
    """A role whose password has every awkward character, and which may read all tables but one."""
    with psycopg.connect(project.superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE keeper LOGIN BYPASSRLS PASSWORD {}").format(sql.Literal(PASSWORD))
        )
        connection.execute("GRANT SELECT ON organizations, badges, event_logs TO keeper")
    yield "keeper"
    with psycopg.connect(project.superuser_url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY keeper")
        connection.execute("DROP ROLE keeper")


@pytest.mark.parametrize(
    "place", ["URL", "percent-encoded", "PGPASSWORD", ".env", "pgpass", "wrong"]
)
def test_a_password_is_in_no_output_wherever_it_was_given(
    project: Project, server: EmbeddedServer, keeper: str, tmp_path: Path, place: str
) -> None:
    where = f"127.0.0.1:{server.port}/{project.url.rpartition('/')[2]}"
    bare, full = f"postgresql://{keeper}@{where}", f"postgresql://{keeper}:{FORMS[1]}@{where}"
    environment: dict[str, str | None] = {"SUPABASE_DB_URL": full}
    given: list[Path] = []
    if place == "URL":  # as one types it: a URL that no program can read right
        environment["SUPABASE_DB_URL"] = f"postgresql://{keeper}:{PASSWORD}@{where}"
    elif place == "PGPASSWORD":
        environment = {"SUPABASE_DB_URL": bare, "PGPASSWORD": PASSWORD}
    elif place == ".env":
        given = [tmp_path / ".env"]
        given[0].write_text(f"SUPABASE_DB_URL='{full}'\n")
        environment = {"SUPABASE_DB_URL": None}
    elif place == "pgpass":
        given = [tmp_path / "pgpass"]
        given[0].write_text(f"*:*:*:*:{PASSWORD.replace(':', chr(92) + ':')}\n")
        given[0].chmod(0o600)
        environment = {"SUPABASE_DB_URL": bare, "PGPASSFILE": str(given[0])}
    elif place == "wrong":
        environment["SUPABASE_DB_URL"] = full.replace("@127", "x@127")
    done = run_program(
        "supa-assets", "export", "--keep-going", "--skip-auth", folder=tmp_path, **environment
    )

    is_read = place not in ("URL", "wrong")
    assert (tmp_path / "migration-data" / "badges.json").exists() == is_read, done.stderr
    assert done.returncode != 0
    assert_secret(tmp_path, done.stdout + done.stderr, given)


@pytest.mark.parametrize("place", ["URL", "percent-encoded", ".env", "wrong"])
def test_a_targets_password_is_in_no_output_of_the_job_wherever_it_was_given(
    project: Project, server: EmbeddedServer, keeper: str, tmp_path: Path, place: str
) -> None:
    exported = run_program("supa-assets", "export", "--skip-auth", folder=tmp_path)
    assert exported.returncode == 0, exported.stderr
    (tmp_path / "restore.yaml").write_text("ops: {restore_tables: {config: {create: true}}}")
    with new_database(server) as target:
        target.execute(f"GRANT ALL ON SCHEMA public TO {keeper}")
        where = f"127.0.0.1:{server.port}/{target.name}"
        full = f"postgresql://{keeper}:{FORMS[1]}@{where}"
        url: str | None = full
        given: list[Path] = []
        if place == "URL":
            url = f"postgresql://{keeper}:{PASSWORD}@{where}"
        elif place == ".env":
            given = [tmp_path / ".env"]
            given[0].write_text(f"SUPA_ASSETS_TARGET_URL='{full}'\n")
            url = None
        elif place == "wrong":
            url = full.replace("@127", "x@127")
        done = run_program(
            *("dagster", "job", "execute", "-m", "supa_assets"),
            *("-j", "restore_export", "-c", "restore.yaml"),
            folder=tmp_path,
            SUPA_ASSETS_AUTH="false",
            SUPA_ASSETS_TARGET_URL=url,
        )

        is_written = place not in ("URL", "wrong")
        assert (done.returncode == 0) == is_written, done.stderr
        assert bool(target.fetch("SELECT relname FROM pg_stat_user_tables")) == is_written
    assert_secret(tmp_path, done.stdout + done.stderr, given)


def assert_secret(folder: Path, said: str, given: list[Path]) -> None:
    """No form of the password was said, and none is in a file but for those that it was given in."""
    outputs = [path for path in folder.rglob("*") if path.is_file() and path not in given]
    assert outputs
    for form in FORMS:
        assert form not in said
        for path in outputs:
            assert form.encode() not in path.read_bytes(), path

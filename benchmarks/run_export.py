"""Export `readings` without Dagster: URL, folder, streams, order. Prints how it was cut."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from supa_assets.export.source import SourceDatabase
from supa_assets.export.write import write_table
from supa_assets.files.open import open_storage
from supa_assets.settings import Settings

url, folder, streams, order = sys.argv[1:]
source = SourceDatabase(
    Settings.of(database_url=SecretStr(url), auth=False, streams=streams, order=order)
)
storage = open_storage(folder)
storage.prepare()
staging = storage.staging("run")
table = source.read_plan().tables[0]
with source.open_session() as session, staging.hold():
    entry = write_table(session.stream(table), staging, on_progress=lambda *_: None)
    Path(folder, table.file).hardlink_to(next(Path(folder).rglob(f"*/{table.file}")))
Path(folder, "readings.entry").write_bytes(entry.model_dump_json().encode())
print(entry.strategy, entry.row_count)

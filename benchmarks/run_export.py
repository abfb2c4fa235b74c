"""Export `readings` without Dagster: URL, folder, streams, order. Prints how it was cut."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from supa_assets.export.run import begin_export
from supa_assets.export.source import SourceDatabase
from supa_assets.files.open import open_storage
from supa_assets.settings import Settings

url, folder, streams, order = sys.argv[1:]
source = SourceDatabase(
    Settings.of(database_url=SecretStr(url), auth=False, streams=streams, order=order)
)
with begin_export(source, open_storage(Path(folder)), source.read_plan()) as run:
    entry = run.write(run.tables[0])
    run.publish([entry.name])
print(entry.strategy, entry.row_count)

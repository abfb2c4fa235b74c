"""The row-count check of what run_export.py wrote, as the asset check does it: folder."""

from __future__ import annotations

import sys
from pathlib import Path

from supa_assets.files.local_folder import LocalFolder
from supa_assets.files.metadata import TableEntry
from supa_assets.files.verify import verify_table

folder = Path(sys.argv[1])
entry = TableEntry.model_validate_json((folder / "readings.entry").read_bytes())
faults = verify_table(LocalFolder(folder), "readings", entry)
if faults:
    raise SystemExit(faults[0].message)

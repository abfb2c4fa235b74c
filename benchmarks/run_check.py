"""The row-count check of what run_export.py wrote, as the asset check does it: folder."""

from __future__ import annotations

import sys
from pathlib import Path

from supa_assets.files.open import open_storage
from supa_assets.files.staged_entries import parse_entry
from supa_assets.files.verify import verify_table

folder = Path(sys.argv[1])
entry = parse_entry((folder / "readings.entry").read_bytes(), "readings.entry.json")
faults = verify_table(open_storage(folder), entry)
if faults:
    raise SystemExit(faults[0].message)

"""The row-count check of what run_export.py wrote, as the asset check does it: folder."""

from __future__ import annotations

import sys

from supa_assets.files.open import open_storage
from supa_assets.files.publish import require_metadata
from supa_assets.files.verify import verify_table

storage = open_storage(sys.argv[1])
faults = verify_table(storage, require_metadata(storage).tables["readings"])
if faults:
    raise SystemExit(faults[0].message)

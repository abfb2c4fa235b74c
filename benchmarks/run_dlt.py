"""Export `readings` by dlt's sql_database source to JSON lines: URL, folder."""

from __future__ import annotations

import os
import sys

url, folder = sys.argv[1:]
os.environ["DLT_DATA_DIR"] = f"{folder}.dlt"
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
os.environ["NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION"] = "true"

import dlt  # noqa: E402
from dlt.sources.sql_database import sql_database  # noqa: E402

source = sql_database(
    url.replace("postgresql://", "postgresql+psycopg2://"), table_names=["readings"]
)
pipeline = dlt.pipeline(
    "benchmark",
    destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}"),
    dataset_name="out",
)
pipeline.run(source, loader_file_format="jsonl").raise_on_failed_jobs()

"""Export `readings` by DuckDB's postgres extension: URL, file, kind. The extension is the one in its wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner as packaged

url, path, kind = sys.argv[1:]
extension = next(Path(packaged.__file__).parent.rglob("*.duckdb_extension"))
lossless = (
    "id::VARCHAR AS id, device_id, room_id, temperature::VARCHAR AS temperature, humidity::VARCHAR AS humidity,"
    " motion, co2, battery, recorded_at::VARCHAR AS recorded_at, received_at::VARCHAR AS received_at, raw::JSON AS raw,"
    " sequence::VARCHAR AS sequence"
)
columns = lossless if kind.startswith("lossless") else "*"
order = "ORDER BY id" if kind.endswith("ordered") else ""
connection = duckdb.connect()
connection.execute(f"LOAD '{extension}'")
connection.execute("SET threads = 2")
connection.execute("SET preserve_insertion_order = false")
connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
connection.execute(
    f"COPY (SELECT {columns} FROM pg.public.readings {order}) TO '{path}' (FORMAT json, ARRAY true)"
)

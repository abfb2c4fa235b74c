"""The tables that are measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SHAPES", "Shape"]

_READINGS = """
CREATE TABLE readings (
    id {key} PRIMARY KEY,
    device_id uuid NOT NULL, room_id uuid, temperature numeric(5,2), humidity numeric(5,2), motion boolean NOT NULL,
    co2 integer, battery integer, recorded_at timestamptz NOT NULL, received_at timestamptz, raw jsonb,
    sequence bigint NOT NULL
);
INSERT INTO readings ({columns}device_id, room_id, temperature, humidity, motion, co2, battery, recorded_at,
                      received_at, raw, sequence)
SELECT {value}md5(mod(i, 500)::text)::uuid, md5(mod(i, 97)::text)::uuid, (15 + random() * 15)::numeric(5,2),
       (30 + random() * 40)::numeric(5,2), random() < 0.2, (400 + random() * 800)::int, (random() * 100)::int,
       timestamptz '2026-01-01 00:00+00' + i * interval '1.234567 s',
       timestamptz '2026-01-01 00:00+00' + i * interval '1.234567 s' + random() * interval '3 s',
       jsonb_build_object('fw', '1.' || mod(i, 7) || '.2', 'rssi', -(random() * 90)::int, 'ok', true), i
FROM generate_series(1, {rows}) AS i;
"""
_CAST_COLUMNS = (
    "id, device_id, room_id, temperature::text, humidity::text, motion, co2, battery, recorded_at, received_at,"
    " raw, sequence::text"
)


@dataclass(frozen=True)
class Shape:
    name: str
    title: str
    sql: str
    """Makes the tables, `{rows}` rows in all but for what the divisor says; rows are in `readings` if that is named."""
    divisor: int = 1
    columns: str = "*"
    """As the product would cast them, for those that are told what to select."""
    table_count: int = 1
    peers: tuple[str, ...] | None = None
    """Those that can be compared on it; None for all."""

    def statements(self, rows: int) -> str:
        return self.sql.replace("{rows}", str(max(1, rows // self.divisor)))


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            "uuid",
            "random uuid key",
            _READINGS.replace("{key}", "uuid")
            .replace("{columns}", "id, ")
            .replace("{value}", "gen_random_uuid(), "),
            columns=_CAST_COLUMNS,
        ),
        Shape(
            "identity",
            "bigint identity key",
            _READINGS.replace("{key}", "bigint GENERATED ALWAYS AS IDENTITY")
            .replace("{columns}", "")
            .replace("{value}", ""),
            columns=_CAST_COLUMNS,
        ),
        Shape(
            "documents",
            "wide jsonb documents",
            "CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL);"
            "INSERT INTO readings (body) SELECT jsonb_build_object('n', i, 'parts', (SELECT jsonb_agg("
            "jsonb_build_object('k', md5(i::text || j), 'v', random())) FROM generate_series(1, 60) AS j))"
            " FROM generate_series(1, {rows}) AS i;",
            divisor=20,
            peers=("export", "command", "copy json", "copy binary", "pg_dump"),
        ),
        Shape(
            "huge",
            "a few huge values among small ones",
            "CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text);"
            "INSERT INTO readings (t) SELECT CASE WHEN mod(i, 1000) = 0 THEN (SELECT string_agg(md5(j::text || i), '')"
            " FROM generate_series(1, 300000) AS j) ELSE 'small' END FROM generate_series(1, {rows}) AS i;",
            divisor=100,
            peers=("export", "command", "copy json", "copy binary", "pg_dump"),
        ),
        *(
            Shape(
                name,
                f"{count:,} small tables",
                "".join(
                    f"CREATE TABLE small_{n} (id int PRIMARY KEY, name text, at timestamptz);"
                    f"INSERT INTO small_{n} SELECT i, 'row ' || i, now() FROM generate_series(1, 200) AS i;"
                    for n in range(count)
                ),
                table_count=count,
                peers=("command", "materialize", "dagster floor", "pg_dump"),
            )
            for name, count in (("small", 25), ("hundred", 100), ("many", 1_000))
        ),
    )
}

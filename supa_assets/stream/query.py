"""The SQL that makes the server write JSON, composed from the plan: the shape of every statement of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from supa_assets.naming import Relation
from supa_assets.plan.probes import Probe, Sought
from supa_assets.plan.row_shape import RowShape, ShapedColumn

__all__ = [
    "HEAP_ORDER",
    "Buckets",
    "ChunkRange",
    "Key",
    "compose_borders_by_row_count",
    "compose_borders_by_size",
    "compose_bucket_borders",
    "compose_checksum",
    "compose_chunk",
    "compose_is_bucketable",
    "compose_key_operators",
    "compose_next_border",
    "compose_range_count",
    "compose_relation",
    "compose_row_sizes",
    "compose_row_width",
    "compose_sample",
    "compose_sorted_buckets",
    "compose_table_count",
]

_ROW_SEPARATOR = sql.SQL("E',\\n'")
_LINE_BREAKS = (sql.SQL("E'\\r\\n'"), sql.SQL("'  '"))
_SAMPLE_SEED = sql.SQL("REPEATABLE (5)")
_RAW_SIZE_TYPES = ("text", "character varying", "bytea")
"""octet_length() tells their size without fetching them from TOAST or decompressing them."""


@dataclass(frozen=True)
class Key:
    """Columns that rows are sorted by and ranges are cut over, as SQL over relation `t`, with their types."""

    columns: tuple[sql.Composable, ...]
    types: tuple[str, ...]
    is_heap_order: bool = False
    """The key is ctid: rows come in that order without being sorted."""
    operators: tuple[Mapping[str, sql.Composable], ...] = ()
    """Each column's `<`, `<=`, `=`, `>=` and `>` by their full names, where a type's own are not in pg_catalog.

    With an empty search_path a bare `<` of two citext would be text's, which sorts otherwise.
    """

    def as_list(self) -> sql.Composable:
        return sql.SQL(", ").join(self.columns)

    def aliases(self) -> list[sql.Identifier]:
        """Names for the columns in a query of our own, where the table's names would meet others."""
        return [sql.Identifier(f"key_{n}") for n in range(len(self.columns))]

    def as_aliased_list(self) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(column, alias)
            for column, alias in zip(self.columns, self.aliases(), strict=True)
        )

    def as_text(self) -> sql.Composable:
        """The aliased columns' text."""
        return sql.SQL(", ").join(
            sql.SQL("{}::pg_catalog.text").format(alias) for alias in self.aliases()
        )

    def as_row(self) -> sql.Composable:
        return sql.SQL("({})").format(self.as_list())

    def boundary(self, values: Sequence[str]) -> sql.Composable:
        """The values' own text, cast back by the server: exact for every type that a btree can sort."""
        return sql.SQL("({})").format(
            sql.SQL(", ").join(
                sql.SQL("{}::{}").format(sql.Literal(value), _trusted(type_))
                for value, type_ in zip(values, self.types, strict=True)
            )
        )

    def prefix(self, column_count: int) -> Key:
        return Key(
            self.columns[:column_count],
            self.types[:column_count],
            self.is_heap_order,
            self.operators[:column_count],
        )

    def compare(self, operator: Literal[">=", "<"], values: Sequence[str]) -> sql.Composable:
        """Rows on one side of a boundary, which may have values for the key's first columns only."""
        prefix = self.prefix(len(values))
        if not prefix.operators:
            return sql.SQL("{} {} {}").format(
                prefix.as_row(), sql.SQL(operator), prefix.boundary(values)
            )
        return prefix._compare_by_columns(operator, values)

    def _compare_by_columns(
        self, operator: Literal[">=", "<"], values: Sequence[str]
    ) -> sql.Composable:
        """`a > 1 OR a = 1 AND b >= 2`, since a comparison of rows can't name an operator for each column."""
        last = len(values) - 1
        alternatives = []
        for n in range(last + 1):
            decisive = operator if n == last or operator == "<" else ">"
            comparisons = [self._compare_column(i, "=", values[i]) for i in range(n)]
            comparisons.append(self._compare_column(n, decisive, values[n]))
            alternatives.append(sql.SQL(" AND ").join(comparisons))
        whole = sql.SQL("({})").format(sql.SQL(" OR ").join(alternatives))
        if not last:
            return whole
        # What the alternatives imply is said once more, for the index.
        bound = self._compare_column(0, ">=" if operator == ">=" else "<=", values[0])
        return sql.SQL("{} AND {}").format(bound, whole)

    def _compare_column(self, column: int, operator: str, value: str) -> sql.Composable:
        return sql.SQL("{} {} {}::{}").format(
            self.columns[column],
            self.operators[column][operator],
            sql.Literal(value),
            _trusted(self.types[column]),
        )


HEAP_ORDER = Key(columns=(sql.SQL("t.ctid"),), types=("pg_catalog.tid",), is_heap_order=True)


@dataclass(frozen=True)
class ChunkRange:
    """Rows of `relation` from `start` (included) to `end` (left out); None leaves that end open.

    `start` and `end` may hold the key's first columns only.
    """

    relation: sql.Composable
    key: Key | None = None
    start: tuple[str, ...] | None = None
    end: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Buckets:
    """Keys whose first column is from `start` (included) to `end` (left out), cut at `borders` into buckets from 0 on.

    Of these the share of one stream: each `streams`-th bucket.
    """

    start: str | None
    borders: tuple[str, ...]
    end: str | None
    stream: int
    streams: int


def compose_relation(relation: Relation, *, is_partitioned: bool) -> sql.Composable:
    """`ONLY` keeps inheritance children out, each a table of its own; a partitioned table has no rows itself."""
    only = sql.SQL("") if is_partitioned else sql.SQL("ONLY ")
    return sql.SQL("{}{} AS t").format(only, sql.Identifier(*relation))


def compose_table_count(shape: RowShape, relation: sql.Composable) -> sql.Composed:
    """One row: the number of rows, and an array of how many have what the table's probes look for.

    An array, since a table can have more columns with probes than a query may.
    """
    counts = [
        sql.SQL("pg_catalog.count(*) FILTER (WHERE {})").format(
            sql.SQL(" OR ").join(_compose_probe(name, probe) for probe in probes)
        )
        for (name, _), probes in shape.list_probes().items()
    ]
    return sql.SQL("SELECT pg_catalog.count(*), ARRAY[{}]::pg_catalog.int8[] FROM {}").format(
        sql.SQL(", ").join(counts), relation
    )


def compose_range_count(range_: ChunkRange) -> sql.Composed:
    return sql.SQL("SELECT pg_catalog.count(*) FROM {}{}").format(
        range_.relation, _compose_where(_compose_conditions(range_))
    )


def compose_chunk(
    shape: RowShape, range_: ChunkRange, *, most_bytes: int | None = None
) -> sql.Composed:
    """One row of three columns: the rows' JSON joined by `,` and a newline, their number, the JSON's bytes.

    The JSON is NULL where it would be more than `most_bytes`, so that no surprise reaches the client's memory; but a
    single row can't be cut, and passes whole.
    The subselect's order is the aggregate's input order (manual, 9.21), since the transaction has no parallel workers.
    """
    return sql.SQL(
        "SELECT {data}, row_count, pg_catalog.octet_length(data) FROM ("
        "SELECT pg_catalog.string_agg({line}, {separator}) AS data, pg_catalog.count(*) AS row_count"
        " FROM (SELECT {columns} FROM {rows}) AS r) AS c"
    ).format(
        data=_compose_guard(most_bytes),
        line=_compose_line(shape),
        separator=_ROW_SEPARATOR,
        columns=_compose_columns(shape),
        rows=_compose_ordered_rows(range_),
    )


def compose_sorted_buckets(
    shape: RowShape,
    relation: sql.Composable,
    key: Key,
    buckets: Buckets,
    *,
    most_bytes: int,
) -> sql.Composed:
    """A row for each bucket of the share that isn't empty, in order: its number, then what `compose_chunk` gives.

    A bucket's number never falls as the key rises, so sorting by both is sorting by the key.
    """
    first = key.prefix(1)
    bucket = _unused_name("bucket", shape)
    number = sql.SQL("pg_catalog.width_bucket({}, {}::{}[])").format(
        first.columns[0], sql.Literal(_as_array(buckets.borders)), _trusted(first.types[0])
    )
    share = ChunkRange(relation, first, _as_boundary(buckets.start), _as_boundary(buckets.end))
    conditions = _compose_conditions(share)
    if buckets.streams > 1:
        conditions.append(
            sql.SQL("{} % {} = {}").format(
                number, sql.Literal(buckets.streams), sql.Literal(buckets.stream)
            )
        )
    return sql.SQL(
        "SELECT {bucket}, {guard}, row_count, pg_catalog.octet_length(data) FROM ("
        "SELECT {bucket}, pg_catalog.string_agg({line}, {separator}) AS data, pg_catalog.count(*) AS row_count"
        " FROM (SELECT t.*, {number} AS {bucket} FROM {relation}{where} ORDER BY {number}, {key}) AS t"
        " CROSS JOIN LATERAL (SELECT {columns}) AS r GROUP BY {bucket}) AS c"
    ).format(
        bucket=bucket,
        guard=_compose_guard(most_bytes),
        line=_compose_line(shape),
        columns=_compose_columns(shape),
        separator=_ROW_SEPARATOR,
        number=number,
        relation=relation,
        where=_compose_where(conditions),
        key=key.as_list(),
    )


def compose_checksum(shape: RowShape, relation: sql.Composable) -> sql.Composed:
    """One row: the number of rows, and the sums of the first and second 8 bytes of each line's SHA-256, as int8."""
    half = "('x' || pg_catalog.encode(pg_catalog.substr(h.hash, {}, 8), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8"
    return sql.SQL(
        "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum({first}), 0), coalesce(pg_catalog.sum({second}), 0)"
        " FROM (SELECT {columns} FROM {relation}) AS r CROSS JOIN LATERAL"
        " (SELECT pg_catalog.sha256(pg_catalog.convert_to({line}, 'UTF8')) AS hash OFFSET 0) AS h"
    ).format(
        first=sql.SQL(half).format(sql.Literal(1)),
        second=sql.SQL(half).format(sql.Literal(9)),
        line=_compose_line(shape),
        columns=_compose_columns(shape),
        relation=relation,
    )


def compose_row_width(shape: RowShape, relation: sql.Composable) -> sql.Composed:
    """Average bytes of JSON in a row, of the first hundred in the heap."""
    return sql.SQL(
        "SELECT pg_catalog.avg(pg_catalog.octet_length(pg_catalog.row_to_json(r.*)::pg_catalog.text))::pg_catalog.int8"
        " FROM (SELECT {columns} FROM {relation} LIMIT 100) AS r"
    ).format(columns=_compose_columns(shape), relation=relation)


def compose_sample(relation: sql.Composable, key: Key, *, percent: float) -> sql.Composed:
    """Of whole pages taken at random: rows, pages, and how often a walk along the key comes to a page not just left."""
    return sql.SQL(
        "SELECT pg_catalog.count(*), pg_catalog.count(DISTINCT page),"
        " pg_catalog.count(*) FILTER (WHERE (page = ANY (previous)) IS NOT TRUE)"
        " FROM (SELECT page, pg_catalog.array_agg(page) OVER"
        " (ORDER BY {aliases} ROWS BETWEEN 16 PRECEDING AND 1 PRECEDING) AS previous FROM ("
        "SELECT {aliased}, t.tableoid::pg_catalog.text || (t.ctid::pg_catalog.text::pg_catalog.point)[0] AS page"
        " FROM {relation} TABLESAMPLE SYSTEM ({percent}) {seed}) AS s) AS s"
    ).format(
        aliases=sql.SQL(", ").join(key.aliases()),
        aliased=key.as_aliased_list(),
        relation=relation,
        percent=sql.Literal(percent),
        seed=_SAMPLE_SEED,
    )


def compose_bucket_borders(
    relation: sql.Composable, key: Key, *, percent: float, buckets: int
) -> sql.Composed:
    """The key's first column, as text, where a sample of the table is to be cut for so many buckets of one size."""
    first = key.prefix(1)
    return sql.SQL(
        "SELECT {text} FROM (SELECT {aliases}, pg_catalog.row_number() OVER (ORDER BY {aliases}) AS n,"
        " pg_catalog.count(*) OVER () AS row_count"
        " FROM (SELECT {aliased} FROM {relation} TABLESAMPLE SYSTEM ({percent}) {seed}) AS s) AS s"
        " WHERE n * {buckets} / row_count > (n - 1) * {buckets} / row_count AND n < row_count ORDER BY n"
    ).format(
        text=first.as_text(),
        aliases=sql.SQL(", ").join(first.aliases()),
        aliased=first.as_aliased_list(),
        relation=relation,
        percent=sql.Literal(percent),
        seed=_SAMPLE_SEED,
        buckets=sql.Literal(buckets),
    )


def compose_key_operators(relation: Relation) -> sql.Composed:
    """Of each column of the primary key, in order: its btree operators, smaller to greater, as schema and name."""
    return sql.SQL(
        "SELECT k.position, n.nspname, o.oprname"
        " FROM pg_catalog.pg_index AS i"
        " JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid"
        " JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace"
        " CROSS JOIN LATERAL unnest(i.indclass::pg_catalog.oid[]) WITH ORDINALITY AS k(opclass, position)"
        " JOIN pg_catalog.pg_opclass AS b ON b.oid = k.opclass"
        " JOIN pg_catalog.pg_amop AS a ON a.amopfamily = b.opcfamily"
        " AND a.amoplefttype = b.opcintype AND a.amoprighttype = b.opcintype"
        " JOIN pg_catalog.pg_operator AS o ON o.oid = a.amopopr"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace"
        " WHERE i.indisprimary AND s.nspname = {} AND c.relname = {}"
        " ORDER BY k.position, a.amopstrategy"
    ).format(*map(sql.Literal, relation))


def compose_is_bucketable(type_name: str) -> sql.Composed:
    """Whether `width_bucket` takes the type: not arrays, which have no arrays, nor domains.

    Nor types whose elements don't lie side by side in an array (macaddr, timetz): there it compares what isn't a value,
    in all versions up to 18.
    """
    return sql.SQL(
        "SELECT t.typarray <> 0 AND t.typtype IN ('b', 'e') AND (t.typlen < 0 OR t.typlen %"
        " CASE t.typalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END = 0)"
        " FROM pg_catalog.pg_type AS t WHERE t.oid = {}::pg_catalog.regtype"
    ).format(sql.Literal(type_name))


def compose_next_border(range_: ChunkRange, *, rows: int) -> sql.Composed:
    """The key, as text, of the row that comes `rows` rows after the range's first; no row where there is none."""
    key = _required_key(range_)
    return sql.SQL(
        "SELECT {text} FROM (SELECT {aliased} FROM {rows} OFFSET {offset} LIMIT 1) AS b"
    ).format(
        text=key.as_text(),
        aliased=key.as_aliased_list(),
        rows=_compose_ordered_rows(range_),
        offset=sql.Literal(rows),
    )


def compose_borders_by_row_count(range_: ChunkRange, *, rows: int) -> sql.Composed:
    """Keys, as text, of every row of the range that begins a chunk of so many rows, but for the first chunk's."""
    key = _required_key(range_)
    return sql.SQL(
        "SELECT {text} FROM"
        " (SELECT {aliased}, pg_catalog.row_number() OVER (ORDER BY {key}) AS n FROM {relation}{where}) AS b"
        " WHERE n > 1 AND n % {rows} = 1 % {rows} ORDER BY n"
    ).format(
        text=key.as_text(),
        aliased=key.as_aliased_list(),
        key=key.as_list(),
        relation=range_.relation,
        where=_compose_where(_compose_conditions(range_)),
        rows=sql.Literal(rows),
    )


def compose_borders_by_size(
    shape: RowShape, range_: ChunkRange, *, stored_bytes: int, rows: int
) -> sql.Composed:
    """Of the range's first `rows` rows: keys, as text, of those that begin a chunk of about so many stored bytes.

    The last column tells whether it is the last of the `rows`, where the next look begins. A row wider than a chunk
    begins one and ends it. No value is fetched from TOAST for it.
    """
    key = _required_key(range_)
    return sql.SQL(
        "SELECT {text}, n = {rows} FROM ("
        "SELECT b.*, pg_catalog.lag(chunk) OVER (ORDER BY n) AS previous,"
        " pg_catalog.lag(size) OVER (ORDER BY n) AS before"
        " FROM (SELECT {aliases}, size, pg_catalog.row_number() OVER (ORDER BY {aliases}) AS n,"
        " pg_catalog.div(pg_catalog.sum(size) OVER (ORDER BY {aliases} ROWS UNBOUNDED PRECEDING), {stored_bytes})"
        " AS chunk"
        " FROM (SELECT {aliased}, {size} AS size FROM {relation}{where} ORDER BY {key} LIMIT {rows}) AS b"
        ") AS b) AS b WHERE chunk <> previous OR before > {stored_bytes} OR n = {rows} ORDER BY n"
    ).format(
        text=key.as_text(),
        aliases=sql.SQL(", ").join(key.aliases()),
        aliased=key.as_aliased_list(),
        size=_compose_row_size(shape),
        relation=range_.relation,
        where=_compose_where(_compose_conditions(range_)),
        key=key.as_list(),
        stored_bytes=sql.Literal(stored_bytes),
        rows=sql.Literal(rows),
    )


def compose_row_sizes(shape: RowShape, range_: ChunkRange) -> sql.Composed:
    """The range's first row: its key as text, then each column's size as far as it is known without reading it."""
    key = _required_key(range_)
    sizes = sql.SQL(", ").join(
        _compose_size(column, sql.SQL("t.{}").format(sql.Identifier(column.name)))
        for column in shape.columns
    )
    texts = sql.SQL(", ").join(
        sql.SQL("{}::pg_catalog.text").format(column) for column in key.columns
    )
    return sql.SQL("SELECT {}, {} FROM {} LIMIT 1").format(
        texts, sizes, _compose_ordered_rows(range_)
    )


# Each says of a value whether it is what is sought; of NULL it says NULL or false.
_SOUGHT: Mapping[Sought, str] = {
    "json null": "pg_catalog.json_typeof({v}) = 'null'",
    # The scalar takes 12 bytes at most: no larger value is fetched from TOAST for its type.
    "jsonb null": "CASE WHEN pg_catalog.pg_column_size({v}) <= 12 THEN pg_catalog.jsonb_typeof({v}) = 'null' END",
    # The expression describes JSON text in which every escape is one that PostgreSQL reads. It is slower than the
    # server's writer, so that only a value comes to it that has an escape of the kind.
    "escapes": r"CASE WHEN pg_catalog.strpos({v}::pg_catalog.text, '\u') = 0 THEN false"
    r" WHEN pg_catalog.strpos({v}::pg_catalog.text, '\u0000') = 0"
    r" AND pg_catalog.strpos({v}::pg_catalog.text, '\ud') = 0"
    r" AND pg_catalog.strpos({v}::pg_catalog.text, '\uD') = 0 THEN false"
    r" ELSE {v}::pg_catalog.text !~ '^([^\\]|\\[^u]|\\u([1-9a-cA-CefEF]|0[^0]|00[^0]|000[^0]|[dD][0-7]"
    r"|[dD][89abAB]..\\u[dD][c-fC-F]))*$' END",
    # Of several dimensions each has bounds: [1:2][1:3].
    "bounds": "CASE WHEN pg_catalog.array_ndims({v}) = 1 THEN pg_catalog.array_lower({v}, 1) <> 1"
    " ELSE pg_catalog.strpos(pg_catalog.replace(pg_catalog.array_dims({v}), '[1:', ''), '[') > 0 END",
    "int8": "{v} NOT BETWEEN -9007199254740991 AND 9007199254740991",
    # A double keeps 15 digits; of more, what its shortest text says. A cast of what it can't hold would be an error.
    "numeric": "CASE WHEN pg_catalog.length({v}::pg_catalog.text) <= 15 THEN false"
    " WHEN pg_catalog.abs({v}) NOT BETWEEN 1e-307 AND 1e308 THEN {v} <> 0"
    " ELSE {v}::pg_catalog.float8::pg_catalog.text::pg_catalog.numeric <> {v} END",
    "timestamptz": "NOT ({v} >= '0001-01-01 00:00:00+00'::pg_catalog.timestamptz"
    " AND {v} < '10000-01-01 00:00:00+00'::pg_catalog.timestamptz)",
    "timestamp": "NOT ({v} >= '0001-01-01'::pg_catalog.timestamp AND {v} < '10000-01-01'::pg_catalog.timestamp)",
    "date": "NOT ({v} >= '0001-01-01'::pg_catalog.date AND {v} < '10000-01-01'::pg_catalog.date)",
}


def _compose_probe(column: str, probe: Probe) -> sql.Composable:
    value = sql.SQL("t.{}").format(sql.Identifier(column))
    return _compose_sought(probe.sought, value, probe.path)


def _compose_sought(
    sought: Sought, value: sql.Composable, path: Sequence[str | None]
) -> sql.Composable:
    if not path:
        return sql.SQL(_SOUGHT[sought]).format(v=value)
    step, rest = path[0], path[1:]
    if step is not None:
        field = sql.SQL("({}).{}").format(value, sql.Identifier(step))
        return _compose_sought(sought, field, rest)
    element = sql.Identifier(f"element_{len(rest)}")
    # In FROM, unnest would make a composite's fields columns.
    return sql.SQL(
        "EXISTS (SELECT FROM (SELECT pg_catalog.unnest({array}) AS {element}) AS {element} WHERE {sought})"
    ).format(
        array=value,
        element=element,
        sought=_compose_sought(sought, sql.SQL("{e}.{e}").format(e=element), rest),
    )


def _compose_line(shape: RowShape) -> sql.Composable:
    line: sql.Composable = sql.SQL("pg_catalog.row_to_json(r.*)::pg_catalog.text")
    if shape.holds_raw_json:
        # Within JSON text a raw line break can only be white space between tokens.
        line = sql.SQL("pg_catalog.translate({}, {}, {})").format(line, *_LINE_BREAKS)
    return line


def _compose_guard(most_bytes: int | None) -> sql.Composable:
    if most_bytes is None:
        return sql.SQL("data")
    return sql.SQL(
        "CASE WHEN pg_catalog.octet_length(data) <= {} OR row_count = 1 THEN data END"
    ).format(sql.Literal(most_bytes))


def _compose_ordered_rows(range_: ChunkRange) -> sql.Composable:
    rows = sql.SQL("{}{}").format(range_.relation, _compose_where(_compose_conditions(range_)))
    if range_.key is None or range_.key.is_heap_order:
        return rows
    return sql.SQL("{} ORDER BY {}").format(rows, range_.key.as_list())


def _compose_conditions(range_: ChunkRange) -> list[sql.Composable]:
    key = range_.key
    if key is None:
        return []
    conditions: list[sql.Composable] = []
    bounds: list[tuple[Literal[">=", "<"], tuple[str, ...] | None]] = [
        (">=", range_.start),
        ("<", range_.end),
    ]
    for operator, boundary in bounds:
        if boundary is not None:
            conditions.append(key.compare(operator, boundary))
    return conditions


def _compose_where(conditions: Sequence[sql.Composable]) -> sql.Composable:
    if not conditions:
        return sql.SQL("")
    return sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions))


def _compose_row_size(shape: RowShape) -> sql.Composable:
    names = sum(len(column.name.encode()) + 4 for column in shape.columns)
    sizes = [
        _compose_size(column, sql.SQL("t.{}").format(sql.Identifier(column.name)))
        for column in shape.columns
    ]
    names_size = sql.SQL("{}::pg_catalog.int8").format(sql.Literal(names))
    return sql.SQL(" + ").join([names_size, *sizes])


def _compose_size(column: ShapedColumn, value: sql.Composable) -> sql.Composable:
    """Bytes of a value before compression where the server tells them without reading it, else as stored."""
    is_raw = column.type.partition("(")[0] in _RAW_SIZE_TYPES
    function = sql.SQL("pg_catalog.octet_length" if is_raw else "pg_catalog.pg_column_size")
    return sql.SQL("coalesce({}({}), 0)::pg_catalog.int8").format(function, value)


_CASTS: Mapping[str, sql.SQL] = {
    "text": sql.SQL("text"),
    "varchar": sql.SQL("varchar"),
    "numeric": sql.SQL("numeric"),
    "timestamptz": sql.SQL("timestamptz"),
    "text[]": sql.SQL("text[]"),
    "varchar[]": sql.SQL("varchar[]"),
    "numeric[]": sql.SQL("numeric[]"),
    "timestamptz[]": sql.SQL("timestamptz[]"),
}
"""By the words of metadata.json, which are never SQL themselves: whoever changed the file could write anything."""


def _compose_columns(shape: RowShape) -> sql.Composable:
    return sql.SQL(", ").join(_compose_column(column) for column in shape.columns)


def _compose_column(column: ShapedColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    value: sql.Composable = sql.SQL("t.{}").format(name)
    for cast_ in column.casts:
        if cast_ == "base64":  # in one line, as RFC 4648 has it
            value = sql.SQL(
                "pg_catalog.translate(pg_catalog.encode({}, 'base64'), E'\\n', '')"
            ).format(value)
            continue
        value = sql.SQL("{}::pg_catalog.{}").format(value, _CASTS[cast_])
    return sql.SQL("{} AS {}").format(value, name)


def _required_key(range_: ChunkRange) -> Key:
    if range_.key is None:
        raise ValueError("a range without a key has no borders")
    return range_.key


def _as_boundary(value: str | None) -> tuple[str] | None:
    return None if value is None else (value,)


def _as_array(values: Sequence[str]) -> str:
    """An array's text, for a literal that the server parses once: a cast of elements could be evaluated per row."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def _unused_name(name: str, shape: RowShape) -> sql.Identifier:
    """A name that no column of the table has, omitted ones included."""
    taken = {column.name for column in shape.columns} | {*shape.omitted_columns}
    while name in taken:
        name += "_"
    return sql.Identifier(name)


def _trusted(type_name: str) -> sql.SQL:
    """`format_type`'s own output is SQL already, with whatever needs it quoted."""
    return sql.SQL(type_name)

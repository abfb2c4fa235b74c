"""The numbers that decide how a table is cut; none changes what a file holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True)
class Limits:
    most_chunks_in_one: int = 4
    """A chunk may be so many times larger than it aims at."""
    parts_of_unknown_size: int = 64
    """Of a range that the server can't make one value of: where it is just above 1 GB, parts have 16 MB."""
    most_rows: int = 100_000
    """Of a key range: its end is found by walking past so many entries of the index."""
    rows_looked_at: int = 20_000
    """At a time, for borders by stored size: the server holds these rows' keys and sizes."""
    pages_looked_at: int = 512
    """The same, where pages are read in turn."""
    small_heap_bytes: int = 16 * 1024 * 1024
    """So much is in the server's memory after the first look, in whatever order it is read."""
    sampled_pages: int = 128
    """Enough to see whether a key follows the heap, and little to read."""
    most_visits_per_page: float = 2.0
    """A key follows the heap if a walk along it comes to a page about once."""
    sampled_rows_per_bucket: float = 64
    """With fewer, buckets would differ much in size."""
    sorted_bytes: int = 1024 * 1024 * 1024
    """What the server sorts at a time takes as much of its disk; each further pass reads the whole table once more."""
    most_sorts: int = 16
    """So often a table may be read for being sorted; above that, a sort takes more than `sorted_bytes`."""


DEFAULT_LIMITS = Limits()

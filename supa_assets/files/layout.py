"""How a table's file is laid out, and what lies beside it while it is staged."""

from __future__ import annotations

__all__ = ["ENTRY_SUFFIX"]

ENTRY_SUFFIX = ".entry.json"
"""Beside each staged file lies its entry, for `publish_run`; no table's file can be called so."""

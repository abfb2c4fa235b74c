"""Disks for the tests of files."""

from __future__ import annotations

from supa_assets_tests.support.disks import small_disk

__all__ = ["small_disk"]

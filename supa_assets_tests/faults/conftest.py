"""The projects of the tests of orchestration, for tests of what goes wrong around them."""

from __future__ import annotations

from supa_assets_tests.support.disks import small_disk
from supa_assets_tests.support.project_fixtures import instance, make_project, project

__all__ = ["instance", "make_project", "project", "small_disk"]

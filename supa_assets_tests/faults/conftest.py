"""The projects of the tests of orchestration, for tests of what goes wrong around them."""

from __future__ import annotations

from supa_assets_tests.orchestration.conftest import instance, make_project, project

__all__ = ["instance", "make_project", "project"]

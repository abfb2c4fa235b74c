"""The projects that the asset graph is tested on."""

from __future__ import annotations

from supa_assets_tests.support.project_fixtures import instance, make_project, project

__all__ = ["instance", "make_project", "project"]

"""The command line is tested on the same projects as the asset graph."""

from __future__ import annotations

from supa_assets_tests.support.project_fixtures import instance, make_project, project

__all__ = ["instance", "make_project", "project"]

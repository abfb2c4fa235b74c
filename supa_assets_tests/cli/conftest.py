"""The command line is tested on the same projects as the asset graph."""

from supa_assets_tests.orchestration.conftest import (  # noqa: F401 - fixtures
    make_project,
    project,
)

"""The two ways in: a code location of its own, whose runs stay in one process, and definitions that merge anywhere."""

from __future__ import annotations

import dagster as dg
import pytest

import supa_assets
from supa_assets import code_location
from supa_assets_tests.support.project import Project
from supa_assets_tests.support.project_fixtures import make_project, project

__all__ = ["make_project", "project"]


@dg.asset
def foreign() -> int:
    """Another project's."""
    return 1


def assets_of(definitions: dg.Definitions) -> set[str]:
    graph = definitions.get_repository_def().asset_graph
    return {key.to_user_string() for key in graph.get_all_asset_keys()}


def jobs_of(definitions: dg.Definitions) -> dict[str, dg.ExecutorDefinition]:
    """Each job that somebody named, with what runs it."""
    jobs = definitions.get_repository_def().get_all_jobs()
    return {job.name: job.executor_def for job in jobs if not job.name.startswith("__")}


def test_a_code_location_of_its_own_has_the_same_assets_and_jobs_and_stays_in_one_process(
    project: Project,
) -> None:
    merged, alone = supa_assets.defs(), code_location.defs()

    assert (
        assets_of(alone)
        == assets_of(merged)
        == {
            *(table.name for table in project.plan().tables),
            "export_metadata",
        }
    )
    assert jobs_of(alone).keys() == jobs_of(merged).keys() == {"export_all", "restore_export"}
    assert set(jobs_of(alone).values()) == {dg.in_process_executor}
    assert [schedule.name for schedule in alone.get_repository_def().schedule_defs] == [
        "export_nightly"
    ]


def test_merged_definitions_take_the_executor_of_the_project_that_they_are_merged_into(
    project: Project,
) -> None:
    theirs = dg.Definitions(assets=[foreign], executor=dg.multiprocess_executor)
    both = dg.Definitions.merge(supa_assets.defs(), theirs)

    assert project.url
    assert supa_assets.defs().executor is None
    assert assets_of(both) >= {"foreign", "badges"}
    assert jobs_of(both)["export_all"] is dg.multiprocess_executor
    with pytest.raises(dg.DagsterInvariantViolationError, match="executor"):
        dg.Definitions.merge(code_location.defs(), theirs)

"""The room that knows Dagster: assets, checks, jobs and an executor over `supa_assets.export`. It holds no SQL."""

"""The room that knows Dagster: an export as one step with its assets and checks, and jobs. It holds no SQL."""

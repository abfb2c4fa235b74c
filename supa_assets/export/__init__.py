"""The room that knows PostgreSQL and files: catalog → plan → stream → write → verify. It never imports dagster."""

"""The way back: from files and metadata.json into a PostgreSQL, and the proof of it. Knows nothing of Dagster."""

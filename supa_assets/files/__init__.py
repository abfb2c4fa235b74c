"""What lies on disk: files, metadata.json, publication, verification. Knows no server: neither psycopg nor Dagster."""

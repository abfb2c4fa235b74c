"""A PostgreSQL, as this program speaks to it: addresses, connections, errors, the catalogue."""

"""A table as chunks of JSON that the server makes, with exact counts."""

"""Benchmarks: this program beside others, on a database of their own. Run `python -m benchmarks --help`."""

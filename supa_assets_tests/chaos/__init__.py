"""Exports over an earlier good one, killed, cut and filled at random, judged by a check that shares no code with them.

python -m supa_assets_tests.chaos --rounds 200
"""

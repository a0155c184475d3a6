"""Jobs, engines, shards and second-pass scores.

Imports generators, plans and everything below.
"""

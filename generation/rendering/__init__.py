"""Jobs, engines, shards, and scores behind the renderer.

Imports generators, plans and everything below.
"""

"""Any set of images filtered as a release filters its own: scored by the release's scorer.

Imports rendering, for its scorers, and everything below it.
"""

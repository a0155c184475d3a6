"""Images that look alike: perceptual hashes, and the pairs among them.

Imports rendering, specs and benchmark.
"""

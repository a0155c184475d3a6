"""Models on splits: what is asked, what the cache has, and the results.

Imports inference and everything below.
"""

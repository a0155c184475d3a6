"""Files that come with a version and are no part of its release: found, checked, stored and published.

Imports splits and everything below.
"""

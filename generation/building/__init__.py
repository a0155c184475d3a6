"""The whole build, from a spec to a release.

Imports releases and everything below.
"""

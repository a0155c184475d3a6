"""Whether a release is what it says: contents, signatures, images rendered again, versions compared.

Imports releases and everything below.
"""

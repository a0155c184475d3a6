"""Which splits there are, and where each one is found.

Imports splits and everything below it.
"""

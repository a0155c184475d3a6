"""How much harder one version is than another, and what a score on one would be on the other.

Imports robustness and everything below.
"""

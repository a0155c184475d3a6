"""The critique of a split made: every measure run once and kept, one file, one page (`imagenet-g critique`).

Imports releases, near_duplicates and everything below.
"""

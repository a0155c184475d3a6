"""Rows in their order, and ranges of numbers and days that a reader types: pure functions over a table.

Imports `board`; the state of the page is `pages`' own.
"""

"""One model on a page of its own: pure functions from a board and a model's id to HTML.

Imports pages and everything below.
"""

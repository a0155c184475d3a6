"""What the board opens on: the finding as a figure and in sentences, an overview over splits, and one class.

Imports pages and everything below; functions are pure, from a board to HTML.
"""

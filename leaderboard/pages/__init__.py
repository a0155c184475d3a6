"""Pure functions from the board to HTML, figures and text.

Imports board and everything below.
"""

"""How the order of models changes from one split, baseline or link to another: in words, drawn and listed.

Imports pages and everything below; functions are pure, from a board to HTML.
"""

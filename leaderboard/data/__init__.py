"""Figures and lines the board is built from; see README.md."""

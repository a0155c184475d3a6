"""Submissions in; tables, figures and the board out."""

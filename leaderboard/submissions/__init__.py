"""The submission file, and what can be wrong with it.

Imports benchmark only.
"""

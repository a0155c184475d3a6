"""Baseline sets, their fitted lines, tables and figures.

Imports benchmark only.
"""

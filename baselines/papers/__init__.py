"""The papers' printed tables, and which of their numbers follow from others.

Imports benchmark only.
"""

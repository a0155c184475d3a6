"""Reviewed tables: baseline sets and published figures."""

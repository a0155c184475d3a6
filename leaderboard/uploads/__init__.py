"""Visitors' files, from their upload to the report: received, held for a while, checked, deleted.

Imports submissions and validation, no page and no Gradio.
"""

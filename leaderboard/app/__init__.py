"""The Gradio app and its server.

Imports pages and everything below.
"""

"""Decoded, resized images in files that are mapped into memory: decoded once, shared by processes.

Imports benchmark only.
"""

"""The page on which people rate the images of an audit, and its server.

Imports serving and everything below.
"""

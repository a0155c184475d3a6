"""How the embedded edition was made. For maintainers; nothing imports it.

Imports releases and everything below.
"""

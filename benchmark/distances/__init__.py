"""How far one split lies from another, measured by CLIP (`imagenet-g distance`).

Imports evaluation and everything below.
"""

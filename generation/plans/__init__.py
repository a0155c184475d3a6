"""Identity, seed, prompt and batch of every image, before any image is rendered.

Imports captions, prompts and specs.
"""

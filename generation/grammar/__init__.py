"""Whether a text is an English sentence, from the parts of speech that its words may have.

Imports prompts.
"""

"""Models of the transformers library: classifiers, and CLIP and SigLIP with a head made from text.

Imports models, texts and everything below; never predictions or feeding.
"""

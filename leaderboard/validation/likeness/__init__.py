"""Whose answers a submission's are: image by image, those of one that is there, or of several together."""

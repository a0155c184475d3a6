"""Other labels for a set of images than its own: ReaL for the validation set of ImageNet.

Imports the predictions and the rooms below.
"""

"""A result from stored predictions, or from answers of any system: the options of a user, and the numbers.

`imagenet-g score` and `imagenet_g.score` call this. Imports outside_answers, relabels and everything below.
"""

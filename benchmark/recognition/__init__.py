"""What models make of a split that nobody rated: the share they recognise, near errors, and style.

Imports models, predictions and everything below; its records import no torch.
"""

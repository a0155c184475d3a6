"""Whether answers are such as models give: by their own probabilities, and beside those of other models."""

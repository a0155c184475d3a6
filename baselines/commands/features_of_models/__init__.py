"""Commands on the features of models: measured as they are, or probed by a linear classifier."""

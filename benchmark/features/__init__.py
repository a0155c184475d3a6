"""Image features of CLIPs: kept while a model runs, read again in its place, and stored as a file.

Imports inference, models, predictions and everything below.
"""

from imagenet_g.benchmark.features.files import Features, load_features

__all__ = ["Features", "load_features"]

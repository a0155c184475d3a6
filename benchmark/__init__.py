"""What the benchmark is and how a model is scored."""

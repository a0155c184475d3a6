"""What scores are compared with: standard models, fits and published tables."""

"""What is printed: every name as it was typed, control characters escaped.

No other room imports rich or calls `print`. May import nothing of the project.
"""

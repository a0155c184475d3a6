"""What `import imagenet_g` offers of this folder: comparisons, lines and printed tables as frames.

Each call computes by what the command of the same name calls, and calls no command.
"""

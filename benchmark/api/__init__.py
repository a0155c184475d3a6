"""What `import imagenet_g` offers of this folder: the calls of a notebook, and results as data.

No call has a computation of its own: each one calls what the command of the same name calls, and no command.
"""

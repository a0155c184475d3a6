"""How fast evaluation is, against a peer in the same run.

`make bench`, or `python -m imagenet_g.benchmark.bench STAGE ...`. The commands that it times are processes of
their own; it imports models, predictions and everything below.
"""

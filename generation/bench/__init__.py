"""How fast a build is: planning, rendering, encoding and scoring, and the memory of many images.

`make bench`, or `python -m imagenet_g.generation.bench STAGE ...`. Figures are printed and kept as in the
benchmark of evaluation. It may import every room but the commands.
"""

"""Results on the Hub: as a data set with their predictions, and in the Hub's own format beside a model.

May import every room below the commands; only commands, and `generation` for the names of tasks, import it.
"""

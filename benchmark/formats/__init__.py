"""Parts of result files: flags, runs, relabels, strengths, and scores as earlier versions held them."""

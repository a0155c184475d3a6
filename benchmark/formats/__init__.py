"""Parts of result files: flags, and scores as earlier versions held them."""

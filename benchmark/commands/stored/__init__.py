"""Commands that begin with a stored result: it is shown, or run again."""

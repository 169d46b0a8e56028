"""One dashboard a module, each with `board()`."""

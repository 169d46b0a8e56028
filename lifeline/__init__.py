"""The kernel: what every stage shares, and the command line."""

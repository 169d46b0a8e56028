"""The verbs of the command line, one group a module: each is a few lines that put parts together.

A verb imports what it needs inside its function: `lifeline --help` and the start of a stage load nothing of others.
"""

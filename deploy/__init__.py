"""Putting Lifeline on a machine."""

"""Sparkplug B 3.0: edge nodes that tell metrics by name at birth and by number afterwards."""

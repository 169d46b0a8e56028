"""Each measures one stage beside its limit or its peer and prints one table."""

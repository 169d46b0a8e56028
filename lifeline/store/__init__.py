"""The store: the only part that speaks to PostgreSQL. One module per noun, every query in a named block under sql/."""

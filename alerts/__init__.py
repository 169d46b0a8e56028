"""From findings to people: levels, life cycle, notices."""

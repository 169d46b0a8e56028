"""The pages: Python puts them together, small scripts draw what must be fast or tick by itself."""

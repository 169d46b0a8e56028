"""The demo city: writes the packs of simulators/packs, seeded, so that the same code gives the same bytes.

District, pipes, drains, names and figures are invented for this project; only the position on Earth and the division
codes are those of the real cities.
"""

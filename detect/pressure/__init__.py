"""Leaks by pressures that fall below what the city's other readings make one expect; begin at detector.py."""

"""Bursts and leaks by pressure and flow residuals per district metered area; begin at detector.py."""

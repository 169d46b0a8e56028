"""From readings to findings: leaks, bursts, waterlogging, and how sure."""

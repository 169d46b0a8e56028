"""The REST API under /api/v1: alarms and what people do to them, sensors, readings, findings, map layers, events."""

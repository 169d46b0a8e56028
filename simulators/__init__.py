"""A city that runs on hydraulic models: networks, weather, devices, scenarios."""

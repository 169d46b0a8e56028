"""OGC SensorThings API 1.1 (OGC 18-088), its reading part: what other departments' programs already speak."""

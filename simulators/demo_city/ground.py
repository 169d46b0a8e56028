"""The ground that a demo city stands on: a turned local plane in metres, and its heights."""

import math
from dataclasses import dataclass

METRES_PER_DEGREE_LAT = 111_132.0
"""Length of a degree of latitude near 45 degrees north."""
METRES_PER_DEGREE_LON_AT_EQUATOR = 111_320.0


@dataclass(frozen=True, slots=True)
class Ground:
    """Local plane: x along the streets to the east, y along them to the north, in metres from (`lon`, `lat`)."""

    lon: float
    lat: float
    turn_deg: float
    base_m: float
    slope_x: float
    slope_y: float
    phase: float

    def lon_lat(self, x: float, y: float) -> tuple[float, float]:
        """WGS 84 degrees of a point of the plane, to a decimetre."""
        turn = math.radians(self.turn_deg)
        east = x * math.cos(turn) + y * math.sin(turn)
        north = -x * math.sin(turn) + y * math.cos(turn)
        metres_per_degree_lon = METRES_PER_DEGREE_LON_AT_EQUATOR * math.cos(math.radians(self.lat))
        return round(self.lon + east / metres_per_degree_lon, 6), round(self.lat + north / METRES_PER_DEGREE_LAT, 6)

    def height_m(self, x: float, y: float) -> float:
        """Height above sea level: a plane with two gentle waves."""
        waves = 1.1 * math.sin(x / 310.0 + self.phase) + 0.9 * math.cos(y / 270.0 + 1.7 * self.phase)
        return self.base_m + self.slope_x * x + self.slope_y * y + waves

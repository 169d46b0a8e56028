"""City packs: a city as data, loaded whole or refused with every fault named by file, line and column."""

from lifeline.city.fault import Fault, Place
from lifeline.city.levels import Levels, Thresholds
from lifeline.city.pack import CityPack, check, load

__all__ = ["CityPack", "Fault", "Levels", "Place", "Thresholds", "check", "load"]

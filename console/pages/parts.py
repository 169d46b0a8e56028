"""The parts of the situation page that draw themselves in the browser: bar, alarm list, map."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nicegui
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

_SCRIPT = {"lifeline-console": Path(__file__).parent / "script"}
_ELEMENTS = Path(nicegui.__file__).parent / "elements"
_LEAFLET = _ELEMENTS / "leaflet" / "dist"
_ECHART = _ELEMENTS / "echart" / "dist"
Json = dict[str, Any]


def tag(name: str, text: str = "", classes: str = "") -> TextElement:
    """An HTML element with `text`, which stays text whatever it contains."""
    return TextElement(tag=name, text=text).classes(classes)


class Part(ui.element, esm={key: str(path) for key, path in _SCRIPT.items()}):
    """A part whose properties are its state: setting one redraws what depends on it."""

    def show(self, **values: object) -> None:
        """Sets properties; those that do not change cost nothing."""
        fresh = {key: value for key, value in values.items() if self._props.get(key) != value}
        if fresh:
            # values are never changed in place: the framework need not wrap each of their thousands of parts
            dict.update(self._props, fresh)
            self.update()

    def shown(self, name: str) -> Any:
        """A property as it was set last."""
        return self._props.get(name)

    def told(self, event: str, handler: Callable[[Any], Any]) -> None:
        """Calls `handler` with what the browser says when `event` happens."""
        self.on(event, lambda arguments: handler(arguments.args))


class StatusBar(Part, component="status_bar.js"):
    """Cities, figures, connection. Tells `city` (code or '')."""


class AlarmQueue(Part, component="alarm_queue.js"):
    """Live alarms. Tells `select` (alarm id) and `acknowledge` ({id, version})."""


class NetworkMap(Part, component="network_map.js", esm={"nicegui-leaflet": str(_LEAFLET)}):
    """The map. Tells `alarm` (id), `sensor` (id) and `city` (code)."""

    def __init__(self) -> None:
        super().__init__()
        self.add_resource(_LEAFLET)
        self.show(css=f"{self._props['resource-path']}/leaflet/leaflet.css")

    def update_sensors(self, news: list[Json]) -> None:
        """Redraws sensors that stand differently now."""
        self.run_method("update_sensors", news)

    def reload_layers(self) -> None:
        """Fetches all layers again."""
        self.run_method("reload_layers")


class AlarmPanel(Part, component="alarm_panel.js", esm={"nicegui-echart": str(_ECHART)}):
    """One alarm. Tells `act` ({id, version, action, note, hours}) and `close`."""


class SensorPanel(Part, component="sensor_panel.js", esm={"nicegui-echart": str(_ECHART)}):
    """One sensor. Tells `close`."""


class Listing(Part, component="listing.js", esm={"nicegui-leaflet": str(_LEAFLET)}):
    """A table with filters. Tells `filter` ({key, value}), `more` and `csv`."""


class SensorPlot(Part, component="sensor_plot.js", esm={"nicegui-echart": str(_ECHART)}):
    """A sensor's readings over a chosen time. Tells `days`."""


class Leaf(Part, component="leaf.js", esm={"nicegui-echart": str(_ECHART)}):
    """One thing. Tells `act` ({action, version, note, number}) and `csv`."""

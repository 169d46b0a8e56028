"""All dashboards as the JSON that Grafana takes."""

import json
from typing import Any

from deploy.grafana.boards import alarms, balance, city, flood, ingest, leak, models, shelters
from deploy.grafana.sdk import JSONEncoder

BOARDS = (city, balance, leak, flood, alarms, ingest, shelters, models)
"""In the order of their menu."""


def documents() -> dict[str, dict[str, Any]]:
    """Each dashboard by its uid."""
    found = {}
    for module in BOARDS:
        document = json.loads(json.dumps(module.board(), cls=JSONEncoder))
        found[document["uid"]] = document
    return found

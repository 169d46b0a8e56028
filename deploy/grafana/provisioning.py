"""The files that a Grafana of the compose set-up reads at its start, written from the same source as `push` takes.

`python -m deploy.grafana.provisioning` writes them; a test holds them equal to their source.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "provisioned"
DASHBOARDS = FOLDER / "dashboards"
FOLDER_UID = "lifeline"
FOLDER_TITLE = "Lifeline 城市生命线"
_PROVIDER = f"""\
# Written by `python -m deploy.grafana.provisioning`.
apiVersion: 1
providers:
  - name: lifeline
    folder: {FOLDER_TITLE}
    folderUid: {FOLDER_UID}
    type: file
    allowUiUpdates: false
    options:
      path: /etc/grafana/provisioning/dashboards/lifeline
"""


def files() -> dict[Path, str]:
    """Every file and what it holds."""
    from deploy.grafana.catalogue import documents

    found = {
        DASHBOARDS / f"{uid}.json": json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        for uid, document in documents().items()
    }
    return found | {FOLDER / "dashboards.yaml": _PROVIDER}


def write() -> list[Path]:
    """Writes the files, removes dashboards that are no more, and tells what changed."""
    wanted = files()
    changed = [path for path in DASHBOARDS.glob("*.json") if path not in wanted]
    for path in changed:
        path.unlink()
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    for path in write():
        print(path.relative_to(Path.cwd()))

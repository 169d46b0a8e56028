"""The four stages of a deployment as commands of one supervisor."""

import sys
from pathlib import Path

from lifeline.supervise import StageCommand

STAGES = ("ingest", "detect", "alerts", "console")


def stage_commands(env: dict[str, str], *, logs: Path | None = None, ingests: int = 1) -> list[StageCommand]:
    """A command for each stage with `env` on top of ours; their output goes to `logs`/NAME.log where given.

    `ingests` of the first stage, one for each partition.
    """
    more = [verb_command(f"ingest-{number}", ["ingest"], env, logs=logs) for number in range(2, ingests + 1)]
    return [*(verb_command(stage, [stage], env, logs=logs) for stage in STAGES), *more]


def verb_command(name: str, verb: list[str], env: dict[str, str], *, logs: Path | None = None) -> StageCommand:
    """Any verb of the command line as a supervised command."""
    return StageCommand(name, [sys.executable, "-m", "lifeline", *verb], env, logs / f"{name}.log" if logs else None)

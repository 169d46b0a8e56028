"""Structured logs on standard error: one event a line, with its fields."""

import logging
import sys

import structlog

from lifeline.settings import Settings

Logger = structlog.typing.FilteringBoundLogger


def configure(settings: Settings, *, stage: str) -> None:
    """Sets the process's logs up; every line carries `stage`."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(stage=stage)


def logger(name: str) -> Logger:
    """A logger whose lines carry `part=name`."""
    bound: Logger = structlog.get_logger(part=name)
    return bound

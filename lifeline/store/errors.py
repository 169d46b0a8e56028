"""Turns the driver's errors into the project's, once."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolTimeout

from lifeline.errors import StoreError


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreError where the driver raises; what was refused and what is away read differently."""
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise StoreError(
            f"the database does not answer: {_line(error)}",
            advice="see that it runs and that LIFELINE_DATABASE_URL is right",
        ) from error
    except psycopg.Error as error:
        raise StoreError(f"the database refused: {_line(error)}", advice="run `lifeline doctor`") from error


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

"""Every error that Lifeline raises, as one tree; each message says what to do.

LifelineError
 |- SettingsError            a setting is missing or wrong
 |- PackError                a city pack has faults (all of them, with places)
 |- UnitError                a unit is unknown or does not fit the quantity
 |- WireError                a message does not follow docs/wire.md
 |- StoreError               the database refused or is away
 |   |- MigrationError       the schema cannot be brought up to date
 |   |- NotFoundError        there is no such row
 |   `- StaleVersionError    somebody else changed the row first
 |- IllegalTransitionError   an action that the life cycle does not allow now
 |- LinkError                the broker refused or is away
 |- ReplayError              a recorded file cannot be read
 |- SimulationError          a hydraulic or drainage model does not run
 |- FormError                a public message is not of its form
 |- DeliveryError            a channel did not take a notice
 |- CredentialError          a password, code or link is not good
 |- AccessError              a person may not do this
 `- InstallError             the machine lacks something that could not be installed
"""


class LifelineError(Exception):
    """Base of all; `advice` says what to do about it."""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice

    def __str__(self) -> str:
        return f"{super().__str__()} -> {self.advice}" if self.advice else super().__str__()


class SettingsError(LifelineError):
    """A setting is missing or wrong; the message names it."""


class PackError(LifelineError):
    """A city pack has faults; the message lists each as `file:line:column: expected ...`."""


class UnitError(LifelineError):
    """A unit is unknown or does not fit the quantity."""


class WireError(LifelineError):
    """A message does not follow docs/wire.md; `reason` is the named reject reason."""

    def __init__(self, message: str, *, reason: str, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.reason = reason


class StoreError(LifelineError):
    """The database refused or is away."""


class MigrationError(StoreError):
    """The schema cannot be brought up to date."""


class NotFoundError(StoreError):
    """There is no such row; the message names it."""


class StaleVersionError(StoreError):
    """Somebody else changed the row first; read it again."""


class IllegalTransitionError(LifelineError):
    """An action that the life cycle does not allow in the present state; `reason` names the rule, for translations."""

    def __init__(self, message: str, *, reason: str = "state", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.reason = reason


class LinkError(LifelineError):
    """The broker refused or is away."""


class ReplayError(LifelineError):
    """A recorded file cannot be read; the message names file and line."""


class SimulationError(LifelineError):
    """A hydraulic or drainage model does not run."""


class FormError(LifelineError):
    """A public message (CAP 1.2, the national form) is not of its form; the words name the element."""


class DeliveryError(LifelineError):
    """A channel did not take a notice; `permanent`: trying again is pointless; `retry_after_s`: the receiver's wish."""

    def __init__(
        self, message: str, *, permanent: bool = False, retry_after_s: float | None = None, advice: str = ""
    ) -> None:
        super().__init__(message, advice=advice)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class CredentialError(LifelineError):
    """A password, a code or a link is not good, or was tried too often; `kind` names which rule, for translations;
    `retry_after_s`: when to try again."""

    def __init__(self, message: str, *, kind: str = "", retry_after_s: float | None = None, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.kind = kind
        self.retry_after_s = retry_after_s


class AccessError(LifelineError):
    """A person may not do this: it is not for the role, or in a city that is not the person's."""


class InstallError(LifelineError):
    """The machine lacks something that could not be installed."""

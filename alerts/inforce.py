"""The rules in force: policy, roster, critical users ..., read again when a file changes; a bad file changes nothing.

What came into force is kept in the store as it stood. A stage that starts with a bad file goes on with that.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from alerts import exposure, policy, roster, rulefile
from alerts.exposure import CriticalUser
from alerts.policy import Policy
from alerts.roster import Roster
from lifeline import log
from lifeline.errors import SettingsError, StoreError
from lifeline.settings import AlertsSettings
from lifeline.store import duty
from lifeline.store.duty import RuleKind
from lifeline.store.pool import Store

T = TypeVar("T")
_log = log.logger("rules")


@dataclass
class Watched(Generic[T]):
    """One rule file: what it says, as long as the newest version that was sound says it."""

    kind: RuleKind
    path: Path
    read: Callable[[Path], T]
    version_of: Callable[[T], str]
    value: T
    text: str
    fault: str = ""
    _seen: tuple[int, int] = field(default=(0, 0))

    def look(self) -> bool:
        """Reads the file again where it has changed; True where something new came into force."""
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_size)
            if seen == self._seen:
                return False
            text, value = rulefile.read(self.path), self.read(self.path)
        except (OSError, SettingsError) as error:
            said = str(error)
            if said != self.fault:
                _log.error("rule file has faults; the one in force stays", kind=self.kind, error=said)
            self.fault = said
            return False
        self._seen, self.fault = seen, ""
        changed = text != self.text
        self.value, self.text = value, text
        if changed:
            _log.info("rule file came into force", kind=self.kind, version=self.version_of(value))
        return changed


class RuleFiles:
    """Some rule files together: read again when they change, kept when they come into force."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._watched: dict[RuleKind, Watched[Any]] = {}
        self._unkept: set[RuleKind] = set()

    @property
    def faults(self) -> list[str]:
        """What is wrong with the files that did not come into force."""
        return [one.fault for one in self._watched.values() if one.fault]

    def look(self, now: datetime) -> bool:
        """Takes up changed files, and keeps what came into force; True where something new did. A store that is away
        is asked again the next time."""
        new = {kind for kind, one in self._watched.items() if one.look()}
        self._unkept |= new
        for kind in list(self._unkept):
            self._keep(kind, now)
        return bool(new)

    def _begin(
        self, kind: RuleKind, path: Path, read: Callable[[Path], T], version_of: Callable[[T], str]
    ) -> Watched[T]:
        """Raises SettingsError where the file is bad and none was ever in force."""
        self._unkept.add(kind)
        try:
            watched = Watched(kind, path, read, version_of, read(path), rulefile.read(path))
            watched.look()
        except SettingsError as error:
            value, text = self._from_before(kind, read, error)
            _log.error("rule file has faults; the one that was in force before stays", kind=kind, error=str(error))
            watched = Watched(kind, path, read, version_of, value, text, fault=str(error))
        self._watched[kind] = watched
        return watched

    def _from_before(self, kind: RuleKind, read: Callable[[Path], T], error: SettingsError) -> tuple[T, str]:
        try:
            text = duty.last_in_force(self._store, kind) if self._store else None
        except StoreError:
            text = None
        if text is None:
            raise error
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{kind}-in-force"
            path.write_text(text, encoding="utf-8")
            try:
                return read(path), text
            except SettingsError:
                raise error from None

    def _keep(self, kind: RuleKind, now: datetime) -> None:
        one = self._watched[kind]
        if self._store is None:
            return
        version = one.version_of(one.value)
        try:
            duty.come_into_force(self._store, kind, version=version, content=one.text, now=now)
        except StoreError as error:
            _log.warning("rules are not kept yet", kind=kind, error=str(error))
            return
        self._unkept.discard(kind)


class Rules(RuleFiles):
    """Policy, roster and critical users in force, and what is wrong with the files that are not.

    Raises SettingsError at the start where a file is bad and none was ever in force."""

    def __init__(self, settings: AlertsSettings, store: Store | None) -> None:
        super().__init__(store)
        self._channels = [one.name for one in settings.channels]
        path = Path(settings.policy_file) if settings.policy_file else policy.BUILT_IN
        self._policy: Watched[Policy] = self._begin("policy", path, policy.load, lambda one: one.version)
        self._roster: Watched[Roster] | None = None
        self._users: Watched[tuple[CriticalUser, ...]] | None = None
        if settings.roster_file:
            self._roster = self._begin("roster", Path(settings.roster_file), self._load_roster, lambda r: r.version)
        if settings.users_file:
            self._users = self._begin(
                "users", Path(settings.users_file), exposure.users_of, lambda users: f"{len(users)} users"
            )

    @property
    def policy(self) -> Policy:
        return self._policy.value

    @property
    def roster(self) -> Roster | None:
        return self._roster.value if self._roster else None

    @property
    def users(self) -> tuple[CriticalUser, ...]:
        return self._users.value if self._users else ()

    def _load_roster(self, path: Path) -> Roster:
        found = roster.load(path)
        if wrong := roster.strangers(found, self._channels):
            raise SettingsError(f"roster {path}: {'; '.join(wrong)}", advice=roster.ADVICE)
        return found

"""A real Grafana behind the port of push.py, through grafana-client (extra `grafana`)."""

from collections.abc import Callable
from typing import Any

from deploy.grafana.provisioning import FOLDER_TITLE, FOLDER_UID
from deploy.grafana.push import CONTACT, SOURCE_UID, Document
from lifeline.errors import InstallError, SettingsError

_TIMEOUT_S = 20.0


class ClientGrafana:
    """Raises SettingsError where the token is refused or nothing answers, InstallError without the extra."""

    def __init__(self, url: str, token: str) -> None:
        try:
            from grafana_client import GrafanaApi
            from grafana_client.client import GrafanaException, TokenAuth
        except ImportError as error:
            raise InstallError(
                "grafana-client is not installed",
                advice="pip install 'lifeline[grafana]' in an environment of its own: it replaces urllib3",
            ) from error
        self._url, self._refused = url, GrafanaException
        self._api: Any = GrafanaApi.from_url(url, credential=TokenAuth(token), timeout=_TIMEOUT_S)

    def source(self) -> Document | None:
        found: Document | None = self._ask(lambda: self._api.datasource.get_datasource_by_uid(SOURCE_UID))
        return found

    def put_source(self, wanted: Document, *, exists: bool) -> None:
        if exists:
            self._ask(lambda: self._api.datasource.update_datasource_by_uid(SOURCE_UID, wanted))
        else:
            self._ask(lambda: self._api.datasource.create_datasource(wanted))

    def folder(self) -> Document | None:
        found: Document | None = self._ask(lambda: self._api.folder.get_folder(FOLDER_UID))
        return found

    def put_folder(self) -> None:
        self._ask(lambda: self._api.folder.create_folder(FOLDER_TITLE, uid=FOLDER_UID))

    def dashboard(self, uid: str) -> Document | None:
        found = self._ask(lambda: self._api.dashboard.get_dashboard(uid))
        return found["dashboard"] if found else None

    def put_dashboard(self, wanted: Document) -> None:
        body = {"dashboard": wanted | {"id": None}, "folderUid": FOLDER_UID, "overwrite": True}
        self._ask(lambda: self._api.dashboard.update_dashboard(body))

    def contact(self) -> Document | None:
        found = self._ask(self._api.alertingprovisioning.get_contactpoints) or []
        return next((one for one in found if one.get("uid") == CONTACT), None)

    def put_contact(self, wanted: Document, *, exists: bool) -> None:
        if exists:
            self._ask(lambda: self._api.alertingprovisioning.update_contactpoint(CONTACT, wanted))
        else:
            self._ask(lambda: self._api.alertingprovisioning.create_contactpoint(wanted))

    def _ask(self, call: Callable[[], Any]) -> Any:
        """What `call` gives, None where Grafana says that there is no such thing."""
        try:
            return call()
        except self._refused as error:
            status = getattr(error, "status_code", None)
            if status == 404:
                return None
            raise SettingsError(
                f"Grafana at {self._url} answered {status}: {getattr(error, 'message', error)}",
                advice="give grafana.token the role Admin of its organisation",
            ) from error
        except OSError as error:
            raise SettingsError(
                f"Grafana at {self._url} does not answer: {error}", advice="correct grafana.url, or start it"
            ) from error

"""Settings: one TOML file, each value overridable by an environment variable.

The file is `lifeline.toml` in the working folder, or the one that LIFELINE_CONFIG names. A variable is `LIFELINE_` and
the path in capitals, parts joined by two underscores: `LIFELINE_INGEST__BATCH_READINGS=1000`.
docs/settings.md lists them all.
"""

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from lifeline.errors import SettingsError

_STRICT = ConfigDict(extra="forbid", frozen=True)


class IngestSettings(BaseModel):
    """From the broker to the table."""

    model_config = _STRICT
    client_id: str = Field("lifeline-ingest", description="MQTT client id; stable, the broker keeps its session")
    partitions: int = Field(
        1, ge=1, le=64, description="into how many parts devices are divided; lifeline run starts an ingest for each"
    )
    buffer_messages: int = Field(20_000, gt=0, description="messages in hand before the socket is no longer read")
    buffer_bytes: int = Field(67_108_864, gt=0, description="the same, by their payloads")
    batch_readings: int = Field(10_000, gt=0, description="readings per transaction at the most")
    batch_wait_s: float = Field(0.05, ge=0, description="how long a transaction waits for more readings")
    max_payload_bytes: int = Field(262_144, gt=0, description="larger payloads are rejected")
    future_tolerance_s: float = Field(
        120.0, ge=0, description="ahead of reception up to here: doubtful; beyond: see below"
    )
    future_limit_s: float = Field(3_600.0, ge=0, description="ahead of reception beyond this: rejected")
    late_after_s: float = Field(900.0, ge=0, description="older than this at reception: marked late")
    earliest_year: int = Field(2000, ge=1970, le=2100, description="observed before this year: rejected")
    quarantine_devices: int = Field(1_000, ge=0, description="unknown devices that are kept with what they send")
    quarantine_bytes: int = Field(
        1_048_576, ge=0, description="kept of each of them; beyond both limits they are counted only"
    )
    backlog_limit_s: float = Field(
        60.0, gt=0, description="readings that wait longer than this for the store open the alarm `backlog`"
    )
    sparkplug_host: str = Field(
        "", pattern=r"^[^/+#]*$", description="id of this Sparkplug B host; empty: nothing under spBv1.0/ is taken"
    )
    tcp_host: str = Field("127.0.0.1", description="address on which stations may call; 0.0.0.0: on all")
    sl651_port: int = Field(0, ge=0, le=65535, description="TCP port for stations of SL 651-2014; 0: none")
    hj212_port: int = Field(0, ge=0, le=65535, description="TCP port for stations of HJ 212-2017; 0: none")


class DetectSettings(BaseModel):
    """From readings to findings."""

    model_config = _STRICT
    allowed_lateness_s: float = Field(15.0, ge=0, description="how long a step waits for late readings")
    learning_days: float = Field(14.0, gt=0, description="history from which a detector learns what is normal")
    poll_s: float = Field(1.0, gt=0, description="longest sleep between two looks at new readings")


class ChannelSettings(BaseModel):
    """One way to tell people."""

    model_config = _STRICT
    name: str = Field(description="how policy and notices call it")
    kind: str = Field(
        description="webhook: JSON by HTTP POST; smtp: mail; wecom, dingtalk, feishu: group bots; mqtt: devices; "
        "apprise: any of its services; see docs/alarms.md"
    )
    address: str = Field(description="URL of the receiver, the mail address, the topic; for bots and apprise a name")
    url: SecretStr = Field(
        SecretStr(""), description="bots: address of the bot; apprise: its URL; mqtt: another broker"
    )
    secret: SecretStr = Field(SecretStr(""), description="dingtalk, feishu: the bot's signing secret")
    per_minute: float = Field(0.0, ge=0, description="messages a minute at the most; 0: what the kind allows")
    fallback: str = Field("", description="name of the channel that is used when this one does not take a notice")
    confirm: bool = Field(True, description="mqtt: a device has to confirm each message")
    smtp_url: str = Field("", description="smtp://[user:password@]host:port of the mail server")
    sender: str = Field("lifeline@localhost", description="From of mails")
    language: Literal["zh", "en"] = Field("zh", description="language of the text")
    min_level: Literal["red", "orange", "yellow", "blue"] = Field("blue", description="lowest level it is used for")


class AlertsSettings(BaseModel):
    """From findings to people."""

    model_config = _STRICT
    channels: tuple[ChannelSettings, ...] = Field((), description="where notices go")
    attempt_limit: int = Field(60, gt=0, description="attempts before a notice is given up (dead); 60: 8 hours")
    first_backoff_s: float = Field(1.0, gt=0, description="wait after the first failure; doubles each time")
    longest_backoff_s: float = Field(600.0, gt=0, description="longest wait between attempts")
    delivery_timeout_s: float = Field(10.0, gt=0, description="how long a receiver may take to answer")
    poll_s: float = Field(1.0, gt=0, description="longest sleep between two looks at findings and the outbox")
    console_url: str = Field("", description="where people reach the console, for links; empty: console.host and port")
    fallback_attempts: int = Field(4, gt=0, description="attempts before a notice goes to the fallback of its channel")
    roster_file: str = Field("", description="who is on duty (docs/alarms.md); empty: nobody is called by name")
    users_file: str = Field("", description="critical users, CSV (docs/alarms.md); empty: none are known")
    channel_test_h: float = Field(
        24.0, ge=0, description="hours between harmless test messages to each channel; 0: channels are not tested"
    )
    crew_channels: dict[str, str] = Field(
        {}, description="channel for each kind of contact in crews.csv, such as mailto: its name; empty: none is used"
    )
    answer_secret: SecretStr = Field(
        SecretStr(""), description="signs the links by which people answer, 16 characters or more; empty: no links"
    )
    answer_hours: float = Field(12.0, gt=0, description="how long such a link works")
    sender_id: str = Field(
        "lifeline.invalid", pattern=r"^[A-Za-z0-9.@_-]+$", description="sender of public messages, a domain or address"
    )
    sender_name: str = Field("城市生命线监测", description="who publishes, in words")
    sender_code: str = Field(
        "", pattern=r"^([0-9]{14})?$", description="14 digits of the national form; empty: made of the city's code"
    )
    policy_file: str = Field("", description="policy of levels and telling (docs/alarms.md); empty: the built-in one")


class ConsoleSettings(BaseModel):
    """The operations page and the REST API."""

    model_config = _STRICT
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port; 0 takes a free one")
    refresh_s: float = Field(1.0, gt=0, description="longest time until a change is seen on an open page")
    language: Literal["zh", "en"] = Field("zh", description="language of a page until the person chooses")
    silent_intervals: float = Field(
        3.0, gt=1, description="a sensor whose newest reading is older than this many of its intervals is silent"
    )
    tile_url: str = Field(
        "", description="base map: XYZ or WMTS addresses of tiles, with spaces between layers; empty: none"
    )
    public_warnings: bool = Field(
        False, description="whether anybody reads the Actual public messages without a log-in (docs/api.md)"
    )


class RetentionSettings(BaseModel):
    """How long readings and roll-ups are kept; hourly roll-ups are kept for good."""

    model_config = _STRICT
    reading_days: int = Field(0, ge=0, description="age at which readings are removed; 0: kept for good")
    minute_days: int = Field(400, ge=0, description="the same for 1-minute roll-ups")
    quarter_days: int = Field(1830, ge=0, description="the same for 15-minute roll-ups")
    compress_days: int = Field(
        14, ge=0, description="age from which the community edition compresses; 0: left as the server has it"
    )


class FieldSettings(BaseModel):
    """Work orders and shelters."""

    model_config = _STRICT
    dispatch_file: str = Field("", description="who is sent, with what, by when; empty: alerts/dispatch.toml")
    shelters_file: str = Field("", description="how shelters are used; empty: alerts/shelters.toml")
    dispatch_s: float = Field(2.0, gt=0, description="longest time between two looks at work orders")
    plan_s: float = Field(15.0, gt=0, description="time between two looks at water near shelters and at evacuations")


class GrafanaSettings(BaseModel):
    """A Grafana that `lifeline grafana push` brings dashboards to."""

    model_config = _STRICT
    url: str = Field("", description="address of the Grafana; empty: none")
    token: str = Field("", repr=False, description="token of a service account with the role Admin")
    database_url: str = Field(
        "", repr=False, description="postgresql://grafana:password@host:port/name, as it reaches it"
    )
    contact_url: str = Field("", description="mailto:address or https://receiver of its own alerts; empty: none")


class Settings(BaseSettings):
    """All settings. Raises SettingsError through `load`."""

    model_config = SettingsConfigDict(
        env_prefix="LIFELINE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )
    database_url: str = Field("", description="postgresql://user:password@host:port/name of a TimescaleDB")
    mqtt_url: str = Field("", description="mqtt://[user:password@]host:port (mqtts:// for TLS) of the broker")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe level that is logged"
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="console: for people; json: one object a line"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="Prometheus metrics of a stage on 127.0.0.1; 0: none")
    ingest: IngestSettings = Field(default_factory=IngestSettings, description="from the broker to the table")
    detect: DetectSettings = Field(default_factory=DetectSettings, description="from readings to findings")
    alerts: AlertsSettings = Field(default_factory=AlertsSettings, description="from findings to people")
    console: ConsoleSettings = Field(default_factory=ConsoleSettings, description="page and REST API")
    retention: RetentionSettings = Field(default_factory=RetentionSettings, description="how long what is kept")
    field: FieldSettings = Field(default_factory=FieldSettings, description="work orders and shelters")
    grafana: GrafanaSettings = Field(default_factory=GrafanaSettings, description="dashboards in a Grafana")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_config_file())

    def require_database(self) -> str:
        """The database's address. Raises SettingsError where none is set."""
        return self.database_url or _missing("database_url", "LIFELINE_DATABASE_URL")

    def require_mqtt(self) -> str:
        """The broker's address. Raises SettingsError where none is set."""
        return self.mqtt_url or _missing("mqtt_url", "LIFELINE_MQTT_URL")


def load(**overrides: object) -> Settings:
    """The settings of file and environment. Raises SettingsError, which names each wrong value."""
    path = _config_file()
    if "LIFELINE_CONFIG" in os.environ and not path.is_file():
        raise SettingsError(f"LIFELINE_CONFIG names {path}, which is not there", advice="correct it or unset it")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic validates
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", advice="mend the file's TOML") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"wrong settings (in {path} or the environment): {faults}", advice="see docs/settings.md"
        ) from error


def _config_file() -> Path:
    return Path(os.environ.get("LIFELINE_CONFIG", "lifeline.toml"))


def _missing(name: str, variable: str) -> str:
    raise SettingsError(f"{name} is not set", advice=f"set {variable}, or run `lifeline demo`, which brings its own")

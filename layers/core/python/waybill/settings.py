"""The environment, read once into one frozen record. A missing or impossible value fails at start, with its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, cast
from urllib.parse import urlsplit

from waybill.access import SCOPES, Issuer, is_private
from waybill.budgets import Limits
from waybill.clock import Clock
from waybill.errors import ConfigurationError
from waybill.lease import Rules
from waybill.operation_fields import QUEUES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waybill.model import Lang

VENDOR_HOST: Final = "kuaidi100.com"
VENDOR_GAP_SECONDS: Final = 1800
CALL_DEADLINE_SECONDS: Final = 12.0


class Environment:
    """Reads variables by name and type; every error names the variable."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str) -> str:
        value = self._variables.get(name, "").strip()
        if not value:
            raise ConfigurationError(f"The environment variable {name} is missing.")
        return value

    def optional(self, name: str) -> str:
        """Empty where there is none: an empty parameter of the template is how a feature is off."""
        return self._variables.get(name, "").strip()

    def number(self, name: str) -> float:
        text = self.text(name)
        try:
            value = float(text)
        except ValueError as error:
            raise ConfigurationError(f"The environment variable {name} is not a number: {text!r}.") from error
        if not 0 < value < float("inf"):
            raise ConfigurationError(f"The environment variable {name} must be positive: {text!r}.")
        return value

    def count(self, name: str) -> int:
        """A whole number that may be 0."""
        text = self.text(name)
        if not text.isdecimal():
            raise ConfigurationError(
                f"The environment variable {name} is not a whole number from 0 on: {text!r}."
            )
        return int(text)

    def choice(self, name: str, *choices: str) -> str:
        text = self.text(name)
        if text not in choices:
            raise ConfigurationError(
                f"The environment variable {name} is {text!r}, not one of {', '.join(choices)}."
            )
        return text

    def limits(self) -> Limits:
        """Budgets of calls; 0 is none."""
        return Limits(
            day=self.count("DAILY_CALL_BUDGET"),
            month=self.count("MONTHLY_CALL_BUDGET"),
            member_day=self.count("MEMBER_DAILY_CALL_BUDGET"),
            member_month=self.count("MEMBER_MONTHLY_CALL_BUDGET"),
        )

    def clock(self) -> Clock:
        """Wall time, unless the local stack hands over a clock of its own."""
        text = self._variables.get("WAYBILL_CLOCK", "")
        try:
            return Clock.parse(text) if text else Clock()
        except ValueError as error:
            raise ConfigurationError(
                f"The environment variable WAYBILL_CLOCK is no clock: {error}."
            ) from error


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """What the functions that ask Kuaidi100 run with, query and refresh. Time-outs are wall seconds; `rules` speak service seconds.

    Budgets are calls in a day or a month of China's, of all together or of each member; 0 is none.
    """

    cache_table: str
    tracking_table: str
    kuaidi100_secret: str
    tail_key_secret: str
    upstream_url: str
    connect_timeout: float
    read_timeout: float
    lang: Lang
    rules: Rules
    limits: Limits
    clock: Clock
    cors_origin: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible, or the vendor's lock would be provoked.
        """
        env = Environment(variables)
        clock, url, gap = env.clock(), env.text("UPSTREAM_URL"), env.number("QUERY_GAP_SECONDS")
        host = urlsplit(url).hostname or ""
        if host == VENDOR_HOST or host.endswith(f".{VENDOR_HOST}"):
            if gap < VENDOR_GAP_SECONDS:
                raise ConfigurationError(
                    f"QUERY_GAP_SECONDS is {gap:g}. Kuaidi100 locks a number that is asked about more often than every "
                    f"{VENDOR_GAP_SECONDS} seconds; only the simulator takes less."
                )
            if not clock.is_wall:
                raise ConfigurationError("WAYBILL_CLOCK runs its own time, which only the simulator shares.")
        return cls(
            cache_table=env.text("CACHE_TABLE"),
            tracking_table=env.text("TRACKING_TABLE"),
            kuaidi100_secret=env.text("KUAIDI100_SECRET"),
            tail_key_secret=env.text("TAIL_KEY_SECRET"),
            upstream_url=url,
            connect_timeout=env.number("CONNECT_TIMEOUT_SECONDS"),
            read_timeout=env.number("READ_TIMEOUT_SECONDS"),
            lang=cast("Lang", env.choice("UPSTREAM_LANG", "zh", "en")),
            rules=Rules(
                gap=gap,
                cap=int(env.number("DAILY_CALL_CAP")),
                deadline=CALL_DEADLINE_SECONDS * clock.speed,
                second=clock.speed,
                strict=env.choice("STRICT_GAP", "true", "false") == "true",
            ),
            limits=env.limits(),
            clock=clock,
            cors_origin=env.optional("CORS_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """What the dispatch runs with. Queues are URLs, the topic is an ARN."""

    cache_table: str
    tracking_table: str
    refresh_queue: str
    notification_topic: str
    fanout_queue: str
    slow_webhook_queue: str
    mail_queue: str
    clock: Clock

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(
            cache_table=env.text("CACHE_TABLE"),
            tracking_table=env.text("TRACKING_TABLE"),
            refresh_queue=env.text("REFRESH_QUEUE"),
            notification_topic=env.text("NOTIFICATION_TOPIC"),
            fanout_queue=env.text("FANOUT_QUEUE"),
            slow_webhook_queue=env.text("SLOW_WEBHOOK_QUEUE"),
            mail_queue=env.text("MAIL_QUEUE"),
            clock=env.clock(),
        )


@dataclass(frozen=True, slots=True)
class ManageSettings:
    """What the manage function runs with. Queues are URLs; `webhook_loopback`: webhooks may lead to this machine, also by http.

    No `public_base_url`: links lead to where the API was asked.
    """

    cache_table: str
    tracking_table: str
    fanout_queue: str
    webhook_queue: str
    webhook_key_secret: str
    webhook_loopback: bool
    lang: Lang
    limits: Limits
    clock: Clock
    cors_origin: str
    public_base_url: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(
            cache_table=env.text("CACHE_TABLE"),
            tracking_table=env.text("TRACKING_TABLE"),
            fanout_queue=env.text("FANOUT_QUEUE"),
            webhook_queue=env.text("WEBHOOK_QUEUE"),
            webhook_key_secret=env.text("WEBHOOK_KEY_SECRET"),
            webhook_loopback=env.optional("WEBHOOK_LOOPBACK") == "true",
            lang=cast("Lang", env.choice("UPSTREAM_LANG", "zh", "en")),
            limits=env.limits(),
            clock=env.clock(),
            cors_origin=env.optional("CORS_ORIGIN"),
            public_base_url=env.optional("PUBLIC_BASE_URL").rstrip("/"),
        )


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """What the operator function runs with. `queues` are the URLs of each queue and of its dead letters, by its name."""

    cache_table: str
    tracking_table: str
    kuaidi100_secret: str
    queues: Mapping[str, tuple[str, str]]
    limits: Limits
    clock: Clock
    cors_origin: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(
            cache_table=env.text("CACHE_TABLE"),
            tracking_table=env.text("TRACKING_TABLE"),
            kuaidi100_secret=env.text("KUAIDI100_SECRET"),
            queues={
                name: (env.text(f"{variable}_QUEUE"), env.text(f"{variable}_DEAD_LETTERS"))
                for name, variable in ((each, each.upper().replace("-", "_")) for each in QUEUES)
            },
            limits=env.limits(),
            clock=env.clock(),
            cors_origin=env.optional("CORS_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class AuthorizerSettings:
    """What the authorizer runs with. No `issuer`: only opaque tokens get in. No `default_usage_key`: the gateway is told none."""

    tracking_table: str
    default_usage_key: str
    issuer: Issuer | None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible. An issuer without an audience is: it would let in every token
                that the issuer ever made for anybody (RFC 8725, section 3.9).
        """
        env = Environment(variables)
        return cls(
            tracking_table=env.text("TRACKING_TABLE"),
            default_usage_key=env.optional("DEFAULT_USAGE_KEY"),
            issuer=_issuer(env) if env.optional("JWT_ISSUER") else None,
        )


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What the function runs with that shows parcels to whoever has a link to them."""

    tracking_table: str
    clock: Clock

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(tracking_table=env.text("TRACKING_TABLE"), clock=env.clock())


def _issuer(env: Environment) -> Issuer:
    url, scopes = env.text("JWT_ISSUER"), frozenset(env.optional("JWT_DEFAULT_SCOPES").split())
    if not is_private(url):
        raise ConfigurationError(f"The environment variable JWT_ISSUER must begin with https://: {url!r}.")
    if unknown := scopes - SCOPES:
        raise ConfigurationError(
            f"The environment variable JWT_DEFAULT_SCOPES names {', '.join(sorted(unknown))}, "
            f"not only {', '.join(sorted(SCOPES))}."
        )
    return Issuer(
        url=url,
        audience=env.text("JWT_AUDIENCE"),
        member_claim=env.text("JWT_MEMBER_CLAIM"),
        scope_claim=env.text("JWT_SCOPE_CLAIM"),
        default_scopes=scopes,
    )

"""The environment of the functions that tell what happened, each read once into one frozen record, as in `settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from waybill.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waybill.clock import Clock


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """What the publish function runs with. The topic is an ARN, the queue a URL."""

    tracking_table: str
    notification_topic: str
    fanout_queue: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing.
        """
        env = Environment(variables)
        return cls(
            tracking_table=env.text("TRACKING_TABLE"),
            notification_topic=env.text("NOTIFICATION_TOPIC"),
            fanout_queue=env.text("FANOUT_QUEUE"),
        )


@dataclass(frozen=True, slots=True)
class FanoutSettings:
    """What the fan-out runs with. Queues are URLs; no `mail_from`: no mail is sent."""

    tracking_table: str
    cache_table: str
    tail_key_secret: str
    fanout_queue: str
    webhook_queue: str
    slow_webhook_queue: str
    mail_queue: str
    mail_from: str
    clock: Clock

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(
            tracking_table=env.text("TRACKING_TABLE"),
            cache_table=env.text("CACHE_TABLE"),
            tail_key_secret=env.text("TAIL_KEY_SECRET"),
            fanout_queue=env.text("FANOUT_QUEUE"),
            webhook_queue=env.text("WEBHOOK_QUEUE"),
            slow_webhook_queue=env.text("SLOW_WEBHOOK_QUEUE"),
            mail_queue=env.text("MAIL_QUEUE"),
            mail_from=env.optional("MAIL_FROM"),
            clock=env.clock(),
        )


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """What the change feed's function runs with. So many callers wait at once (`long_polls`); any others are answered at once."""

    tracking_table: str
    cache_table: str
    long_polls: int
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
            tracking_table=env.text("TRACKING_TABLE"),
            cache_table=env.text("CACHE_TABLE"),
            long_polls=env.count("LONG_POLLS"),
            clock=env.clock(),
            cors_origin=env.optional("CORS_ORIGIN"),
        )


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What the mail function runs with. No `mail_from`: it sends nothing. `public_base_url` is the API's, without `/v1`."""

    tracking_table: str
    cache_table: str
    address_key_secret: str
    mail_from: str
    configuration_set: str
    public_base_url: str
    clock: Clock

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible. Who sends mail has to say where its links lead.
        """
        env = Environment(variables)
        mail_from = env.optional("MAIL_FROM")
        base = env.text("PUBLIC_BASE_URL") if mail_from else env.optional("PUBLIC_BASE_URL")
        return cls(
            tracking_table=env.text("TRACKING_TABLE"),
            cache_table=env.text("CACHE_TABLE"),
            address_key_secret=env.text("ADDRESS_KEY_SECRET"),
            mail_from=mail_from,
            configuration_set=env.optional("MAIL_CONFIGURATION_SET"),
            public_base_url=base.rstrip("/"),
            clock=env.clock(),
        )


@dataclass(frozen=True, slots=True)
class SuppressionSettings:
    """What the function runs with that keeps whom not to write to."""

    tracking_table: str
    address_key_secret: str
    clock: Clock

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(
            tracking_table=env.text("TRACKING_TABLE"),
            address_key_secret=env.text("ADDRESS_KEY_SECRET"),
            clock=env.clock(),
        )


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What the deliveries to webhooks run with. `loopback`: endpoints may be of this machine, which the local stack alone says."""

    tracking_table: str
    cache_table: str
    webhook_key_secret: str
    webhook_queue: str
    slow_webhook_queue: str
    loopback: bool
    clock: Clock

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: a variable is missing or impossible.
        """
        env = Environment(variables)
        return cls(
            tracking_table=env.text("TRACKING_TABLE"),
            cache_table=env.text("CACHE_TABLE"),
            webhook_key_secret=env.text("WEBHOOK_KEY_SECRET"),
            webhook_queue=env.text("WEBHOOK_QUEUE"),
            slow_webhook_queue=env.text("SLOW_WEBHOOK_QUEUE"),
            loopback=env.optional("WEBHOOK_LOOPBACK") == "true",
            clock=env.clock(),
        )

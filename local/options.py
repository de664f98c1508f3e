"""What the local stack can be told: read from the environment once, and refused in words when it makes no sense."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
REAL_UPSTREAM = "https://poll.kuaidi100.com/poll/query.do"
REAL_GAP_SECONDS = 1800
MAIL_FROM = "waybill@example.com"


class SetupError(Exception):
    """The stack cannot be started like this. The message is for the person who started it: why, and what to change."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A customer and its key at Kuaidi100, or at its simulator."""

    customer: str
    key: str


# What the local simulator demands. Public on purpose: the vendor's own demo clients are pointed at it with these.
SIMULATOR_CREDENTIALS = Credentials("DEMO", "KEY")


@dataclass(frozen=True, slots=True)
class Options:
    """The environment of `make run`."""

    api_port: int
    simulator_port: int
    speed: float
    gap_seconds: int
    # What the simulator made up and what was really bought must never meet, so the real upstream has a folder inside.
    state: Path
    real: Credentials | None
    workers: int
    python_runtime: bool
    # As good as none unless one is wanted: a limit would be felt by load tests only.
    member_rate: int
    cors_origin: str
    # Nothing is sent to it: what an operator and customers would get lies in the state's mailbox.
    operator_email: str
    # Off, only what callers ask is asked: for who wants to see each call, or to pay for none that nobody asked for.
    schedule: bool
    # Off, a function that nobody waits for has its first process with its first event, not before.
    warm: bool
    # Each function may do at the emulator what its role allows, and no more: slower, and for who doubts a role.
    iam: bool
    # AWS and invocations can be made to go wrong: for suites that see what becomes of it.
    trouble: bool

    @property
    def slow_workers(self) -> int:
        """Processes of the webhook function for slow webhooks: more than for quick ones, as in the template."""
        return 2 * self.workers

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Parse the environment.

        Raises:
            SetupError: a value that is not one, half of the credentials, or settings that the real upstream forbids.
        """
        speed = _number(environ, "SIM_SPEED", 1.0, 0.001, 100_000)
        gap = int(_number(environ, "QUERY_GAP_SECONDS", 1860, 1, 86_400))
        real = _real_credentials(environ)
        if real and speed != 1:
            raise SetupError(
                f"SIM_SPEED is {speed:g}, but KUAIDI100_CUSTOMER and KUAIDI100_KEY are set: the real Kuaidi100 keeps real time. "
                "Unset SIM_SPEED, or unset both of them to use the simulator."
            )
        if real and gap < REAL_GAP_SECONDS:
            raise SetupError(
                f"QUERY_GAP_SECONDS is {gap}: the real Kuaidi100 locks numbers asked for within {REAL_GAP_SECONDS} s."
            )
        state = (ROOT / (environ.get("WAYBILL_STATE", "").strip() or ".local/state")).resolve()
        return cls(
            api_port=int(_number(environ, "WAYBILL_PORT", 8080, 1, 65_535)),
            simulator_port=int(_number(environ, "SIM_PORT", 8100, 1, 65_535)),
            speed=speed,
            gap_seconds=gap,
            state=state / "real" if real else state,
            real=real,
            workers=int(_number(environ, "WAYBILL_WORKERS", 8, 2, 64)),
            python_runtime=environ.get("WAYBILL_RUNTIME_CLIENT", "") == "python",
            member_rate=int(_number(environ, "WAYBILL_MEMBER_RATE", 5000, 1, 5000)),
            cors_origin=environ.get("WAYBILL_CORS_ORIGIN", "").strip(),
            operator_email=environ.get("WAYBILL_OPERATOR_EMAIL", "").strip() or "operator@example.com",
            schedule=_switch(environ, "WAYBILL_SCHEDULE"),
            warm=_switch(environ, "WAYBILL_WARM"),
            iam=_switch(environ, "WAYBILL_IAM", default="off"),
            trouble=_switch(environ, "WAYBILL_TROUBLE", default="off"),
        )


def _number(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise SetupError(f"{name} is {text!r}: it has to be a number from {least:g} to {most:g}.")
    return number


def _switch(environ: Mapping[str, str], name: str, default: str = "on") -> bool:
    text = environ.get(name, "").strip() or default
    if text not in {"on", "off"}:
        raise SetupError(f"{name} is {text!r}: it has to be on or off.")
    return text == "on"


def _real_credentials(environ: Mapping[str, str]) -> Credentials | None:
    names = ("KUAIDI100_CUSTOMER", "KUAIDI100_KEY")
    customer, key = (environ.get(name, "").strip() for name in names)
    if customer and key:
        return Credentials(customer, key)
    if customer or key:
        missing = names[0] if key else names[1]
        raise SetupError(f"{missing} is not set: the real Kuaidi100 needs both {names[0]} and {names[1]}.")
    return None

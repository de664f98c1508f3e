"""Scripted journeys: what a test or a demonstration wants a parcel to do, put over HTTP or read from YAML files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from local.simulator.anchors import Anchors, write_whole
from local.simulator.history import Journey, JourneyEvent
from local.simulator.places import Area
from local.simulator.query import phone_tail
from waybill import couriers, statuses

if TYPE_CHECKING:
    from pathlib import Path

    from local.simulator.rules import ParcelKey


class ScriptEvent(BaseModel):
    """`at` is in simulated seconds from the moment the script is put; negative for what has already happened."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[float, Field(allow_inf_nan=False)]
    text: Annotated[str, Field(min_length=1)]
    text_en: str | None = None
    status_code: str
    area_code: str | None = None
    area_name: str | None = None
    location: str | None = None
    center: str | None = None

    @field_validator("status_code")
    @classmethod
    def _is_a_vendor_code(cls, code: str) -> str:
        if code not in statuses.codes():
            raise ValueError(f"not a status code of the vendor: {code!r}")
        return code


class Script(BaseModel):
    """A journey, and the phone that opens it; without events the number is not found (500).

    With `shows_cached` a wrong phone after a right one is answered with "cached data verified by other users" (the vendor's
    page, appendix 2) and not with 408.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: str | None = None
    shows_cached: bool = False
    events: list[ScriptEvent]

    @field_validator("phone")
    @classmethod
    def _has_a_tail(cls, phone: str | None) -> str | None:
        if phone is not None and phone_tail(phone) is None:
            raise ValueError("a phone needs at least four digits")
        return phone

    def journey(self, base: float) -> Journey:
        """The journey of a script put at `base`, in epoch seconds."""
        events = [
            JourneyEvent(
                at=base + event.at,
                status_code=event.status_code,
                text_zh=event.text,
                text_en=event.text_en or event.text,
                place=Area(event.area_code, event.area_name, None, event.center, event.location),
            )
            for event in self.events
        ]
        return Journey(
            tuple(sorted(events, key=lambda event: event.at)),
            phone_tail=phone_tail(self.phone) if self.phone else None,
            shows_cached=self.shows_cached,
        )


class NamedScript(Script):
    """A script in a file says whose it is."""

    courier: str
    number: Annotated[str, Field(min_length=6, max_length=32)]

    @field_validator("courier")
    @classmethod
    def _is_in_the_table(cls, code: str) -> str:
        if not is_courier(code):
            raise ValueError(f"not a courier code of the vendor: {code!r}")
        return code


class PlacedScript(BaseModel):
    """A script with the moment it was put, as it is kept on disk."""

    model_config = ConfigDict(frozen=True)

    courier: str
    number: str
    base: float
    script: Script

    def as_put(self, now: float) -> Script:
        """The script as one would have to put it at `now` to get the same journey."""
        shift = self.base - now
        events = [event.model_copy(update={"at": event.at + shift}) for event in self.script.events]
        return self.script.model_copy(update={"events": events})


def is_courier(code: str) -> bool:
    """Whether the vendor would know the code: exact, no alias, lower case."""
    courier = couriers.find(code)
    return courier is not None and courier.code == code


class Scripts:
    """The scripts in force: those of the files, and over them those that were put, which outlive a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._put: dict[ParcelKey, PlacedScript] = {}
        self._read: dict[ParcelKey, PlacedScript] = {}

    @classmethod
    def load(cls, path: Path, folder: Path, anchors: Anchors, now: float) -> Self:
        """Read the kept scripts at `path` and the YAML files of `folder`; a file's journey starts when first seen.

        Raises:
            ValueError: a YAML file is not a script; the message names it.
        """
        scripts = cls(path)
        if path.exists():
            kept = [PlacedScript.model_validate(entry) for entry in json.loads(path.read_text("utf-8"))]
            scripts._put = {(entry.courier, entry.number): entry for entry in kept}
        for file in sorted(folder.glob("*.yaml")):
            try:
                named = NamedScript.model_validate(yaml.safe_load(file.read_text("utf-8")))
            except (ValueError, yaml.YAMLError) as error:
                raise ValueError(f"{file}: {error}") from error
            anchor = (f"script:{named.courier}", named.number)
            base = anchors.get(anchor)
            if base is None:
                base = now
                anchors.fix(anchor, base)
            script = Script(phone=named.phone, shows_cached=named.shows_cached, events=named.events)
            parcel = (named.courier, named.number)
            scripts._read[parcel] = PlacedScript(
                courier=named.courier, number=named.number, base=base, script=script
            )
        return scripts

    def get(self, parcel: ParcelKey) -> PlacedScript | None:
        return self._put.get(parcel) or self._read.get(parcel)

    def put(self, parcel: ParcelKey, script: Script, now: float) -> PlacedScript:
        courier, number = parcel
        placed = PlacedScript(courier=courier, number=number, base=now, script=script)
        self._put[parcel] = placed
        self._keep()
        return placed

    def remove(self, parcel: ParcelKey) -> bool:
        """Forget a script; one from a file is back at the next start."""
        found = self.get(parcel) is not None
        self._put.pop(parcel, None)
        self._read.pop(parcel, None)
        if found:
            self._keep()
        return found

    def _keep(self) -> None:
        entries = [entry.model_dump(mode="json") for entry in self._put.values()]
        write_whole(self._path, json.dumps(entries, ensure_ascii=False))

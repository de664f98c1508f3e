"""What the document says of an input is what the code does with it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from waybill import couriers, fields, idempotency, numbers, phones, requests, shipment_fields, usage_fields
from waybill.errors import InvalidBody, InvalidField

DECLARED = [*vars(fields).values(), *vars(shipment_fields).values(), *vars(usage_fields).values()]
OPTIONAL = [each for each in DECLARED if isinstance(each, fields.Optional)]
REQUIRED = [each for each in DECLARED if isinstance(each, fields.Required)]
AS_SENT = (fields.COURIER, fields.EXP_CODE)
"""No schema tells which couriers there are; these two are read together with the number."""
FIELDS: list[fields.Field[Any]] = [*REQUIRED, *OPTIONAL]
TEXTS = st.text("0123456789", max_size=9) | st.text(max_size=60) | st.sampled_from(["zh", "en", "auto", " "])

FORMATS = {
    "date": st.dates().map(date.isoformat),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
}


def described(field: fields.Field[Any], text: str) -> bool:
    """Whether the document lets a client send the text."""
    value: object = text
    if field.schema["type"] == "integer":
        value = int(text) if re.fullmatch("0|[1-9][0-9]*", text) else None
    if field.schema["type"] == "boolean":
        value = {"true": True, "false": False}.get(text)
    return Draft202012Validator(dict(field.schema), validate_formats=True).is_valid(value)


def sent(value: object) -> str:
    """A value as it stands in a URL."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def taken(field: fields.Required[Any] | fields.Optional[Any], text: str) -> bool:
    name = field.name.lower() if field.place == "header" else field.name
    try:
        field.read({name: text.replace("%", "%25") if field.place == "path" else text})
    except InvalidField:
        return False
    return True


def valid(field: fields.Field[Any]) -> st.SearchStrategy[str]:
    schema = field.schema
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"]).map(str)
    if schema["type"] == "boolean":
        return st.sampled_from(["true", "false"])
    if "format" in schema:
        return FORMATS[schema["format"]]
    if field is shipment_fields.COURIER_OF_ORDER or (
        schema is fields.COURIER.schema and field not in AS_SENT
    ):
        return st.sampled_from(sorted(couriers.table()) + [""] * described(field, ""))
    texts = st.from_regex(schema["pattern"]) if schema["pattern"].startswith("^") else st.text()
    return texts.filter(lambda text: described(field, text))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.place}-{field.name}")
def test_the_example_of_a_field_is_taken(field: Any) -> None:
    assert described(field, sent(field.example))
    assert taken(field, sent(field.example))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.place}-{field.name}")
def test_what_a_schema_lets_through_the_code_takes(field: Any) -> None:
    @given(valid(field))
    def check(text: str) -> None:
        assert taken(field, text)

    check()


@pytest.mark.parametrize(
    "field",
    [fields.LANG, fields.NUMBER_TO_DETECT],
    ids=lambda field: f"{field.place}-{field.name}",
)
def test_what_the_code_takes_the_schema_lets_through_but_for_space_and_full_width(field: Any) -> None:
    @given(TEXTS.filter(lambda text: text.isascii() and text == text.strip()))
    def check(text: str) -> None:
        assert described(field, text) == taken(field, text)

    check()


@pytest.mark.parametrize("field", REQUIRED, ids=lambda field: f"{field.place}-{field.name}")
def test_a_required_field_that_is_not_there_is_named(field: fields.Required[Any]) -> None:
    # A courier's code is read together with its number, which names it.
    if field is fields.COURIER:
        assert field.read({}) == ""
        return
    with pytest.raises(InvalidField) as raised:
        field.read({})
    # Contract B's document names the order, which could have been given instead.
    named = "order_id" if field is shipment_fields.NUMBER_OF_AN_ORDER else field.name
    assert raised.value.field == named
    assert raised.value.message


@pytest.mark.parametrize("field", OPTIONAL, ids=lambda field: f"{field.place}-{field.name}")
def test_an_optional_field_may_be_left_out(field: fields.Optional[Any]) -> None:
    assert field.read({}) is None


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize(
    "field",
    [shipment_fields.TRACKING_NUMBER, shipment_fields.COURIER_OF_ORDER, fields.PHONE, fields.PHONE_TAIL],
    ids=lambda field: f"{field.place}-{field.name}",
)
def test_a_blank_text_is_one_that_was_left_out(field: fields.Optional[Any], text: str) -> None:
    name = field.name.lower() if field.place == "header" else field.name
    assert field.read({name: text}) is None
    assert described(field, "")


@pytest.mark.parametrize("value", [1, True, ["zh"], {"a": 1}, 1.5])
def test_a_body_field_of_another_type_is_refused(value: object) -> None:
    for field in (fields.EXP_CODE, fields.EXP_NO, fields.PHONE, fields.LANG_IN_BODY):
        with pytest.raises(InvalidField):
            field.read({field.name: value})


def test_an_answer_is_never_asked_to_be_older_than_it_can_get() -> None:
    assert fields.MAX_AGE.read({"max_age": "99999999"}) == fields.MAX_AGE_LIMIT
    assert fields.MAX_AGE.read({"max_age": "0"}) == 0


@given(st.from_regex(phones.PATTERN, fullmatch=True))
def test_every_phone_number_of_the_pattern_has_four_digits_that_count(text: str) -> None:
    assert len(phones.tail(text)) == 4


@given(st.from_regex(numbers.PATTERN, fullmatch=True))
def test_every_tracking_number_of_the_pattern_is_one(text: str) -> None:
    assert numbers.normalise(text) == text.strip().upper()


@given(st.from_regex(idempotency.PATTERN, fullmatch=True))
def test_every_key_of_the_pattern_is_one(text: str) -> None:
    assert idempotency.KEY.fullmatch(text.removesuffix("\n"))


@given(events=st.lists(st.sampled_from(["*", "delivered", "exception", "lost"]), max_size=4))
def test_the_events_to_tell_of_are_described_as_they_are_taken(events: list[str]) -> None:
    schema = requests.Notify.model_json_schema()["properties"]["events"]
    try:
        requests.parse(requests.Notify, {"email": "someone@example.com", "events": events})
    except InvalidBody:
        fits = False
    else:
        fits = True
    assert Draft202012Validator(schema).is_valid(events) == fits

"""What may be asked of the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import event_fields
from waybill.errors import InvalidField

if TYPE_CHECKING:
    from waybill.fields import Optional


@pytest.mark.parametrize("field", event_fields.EVENTS, ids=lambda field: field.name)
@given(number=st.integers(-3, 2 * event_fields.LAST_SEQUENCE))
def test_a_number_is_taken_as_far_as_its_schema_says(field: Optional[int], number: int) -> None:
    query = {field.name: str(number)}
    if field.schema["minimum"] <= number <= field.schema["maximum"]:
        assert field.read(query) == number
    else:
        with pytest.raises(InvalidField) as refused:
            field.read(query)
        assert refused.value.field == field.name


@pytest.mark.parametrize("field", event_fields.EVENTS, ids=lambda field: field.name)
@pytest.mark.parametrize("text", ["", "x", "1.5", "+1", " 1", "١", "1e3"])
def test_what_is_no_whole_number_is_refused(field: Optional[int], text: str) -> None:
    with pytest.raises(InvalidField):
        field.read({field.name: text})


@pytest.mark.parametrize("field", event_fields.EVENTS, ids=lambda field: field.name)
def test_nothing_has_to_be_said(field: Optional[int]) -> None:
    assert field.read({}) is None

"""A parcel's way as a drawing: every place within it, the short way round, and nothing where there is no way."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from waybill import route_map
from waybill.model import Area, Event, Parcel, Route
from waybill.route_map import MOST_HEIGHT, WIDTH, RouteMap

YIWU = Area(None, "浙江,金华市,义乌市", 120.075, 29.306)
WUHAN = Area(None, "湖北,武汉市,东西湖区", 114.137, 30.619)
BEIJING = Area(None, "北京,北京市,朝阳区", 116.601, 39.948)


def parcel(*areas: Area, destination: Area | None = None, terminal: bool = False) -> Parcel:
    """A parcel that was at these places, in this order."""
    events = [Event(str(place), None, "given", "x", area=area) for place, area in enumerate(areas)]
    return Parcel(
        "yuantong",
        "YT1",
        terminal=terminal,
        events=tuple(reversed(events)),
        route=Route(destination=destination),
    )


def drawn(of: Parcel) -> RouteMap:
    found = route_map.draw(of)
    assert found is not None
    return found


def test_north_is_up_and_east_is_right() -> None:
    start, end = drawn(parcel(WUHAN, BEIJING)).stops
    assert (start.kind, end.kind) == ("origin", "current")
    assert start.x < end.x
    assert start.y > end.y


def test_degrees_of_longitude_are_as_long_as_they_are_at_that_latitude() -> None:
    far_north = drawn(parcel(Area(None, "a", 10, 60), Area(None, "b", 14, 60), Area(None, "c", 14, 62)))
    first, second, third = far_north.stops
    east, north = second.x - first.x, second.y - third.y
    assert 0.94 < east / north < 1.03, "four degrees at 61° are as long as two of latitude"


def test_a_destination_that_lies_ahead_is_reached_by_another_line() -> None:
    ahead = drawn(parcel(YIWU, WUHAN, destination=BEIJING))
    assert [stop.kind for stop in ahead.stops] == ["origin", "current", "destination"]
    assert ahead.ahead
    assert {label.text for label in ahead.labels} == {"金华市", "武汉市", "北京市"}
    over = drawn(parcel(YIWU, WUHAN, destination=BEIJING, terminal=True))
    assert (len(over.stops), over.ahead) == (2, "")
    there = drawn(parcel(YIWU, BEIJING, destination=BEIJING))
    assert (len(there.stops), there.ahead) == (2, "")


def test_one_place_or_none_is_no_way() -> None:
    unknown = Area(None, "somewhere")
    for areas in ((), (YIWU,), (YIWU, YIWU), (unknown, unknown), (YIWU, unknown)):
        assert route_map.draw(parcel(*areas)) is None


def test_one_place_and_where_it_goes_is_a_way() -> None:
    found = drawn(parcel(YIWU, destination=BEIJING))
    assert [stop.kind for stop in found.stops] == ["current", "destination"]


def test_places_as_good_as_the_same_are_one_and_the_last_is_where_it_is() -> None:
    depot = replace(BEIJING, lng=116.61)
    assert len(drawn(parcel(YIWU, BEIJING, depot)).stops) == 2


def test_over_the_pacific_it_goes_the_short_way() -> None:
    tokyo, honolulu = Area(None, "Tokyo", 139.7, 35.7), Area(None, "Honolulu", -157.8, 21.3)
    start, end = drawn(parcel(tokyo, honolulu)).stops
    assert start.x < end.x


def test_coordinates_that_are_nowhere_are_left_out() -> None:
    nowhere = Area(None, "x", 400.0, 95.0)
    assert len(drawn(parcel(YIWU, nowhere, BEIJING)).stops) == 2


def test_names_of_places_are_those_that_people_use() -> None:
    assert route_map.city(Area(None, "天津,天津,北辰区")) == "天津"
    assert route_map.precise(Area(None, "天津,天津,北辰区")) == "天津 北辰区"
    assert route_map.precise(Area(None, "河南,郑州市")) == "河南 郑州市"
    assert route_map.city(Area(None, None)) == ""


areas = st.builds(
    Area, st.none(), st.text(max_size=30), st.floats(-180, 180), st.floats(-85, 85)
)  # any at all


@given(st.lists(areas, max_size=12), st.none() | areas)
def test_whatever_the_way_all_of_it_lies_within_the_drawing(
    been: list[Area], destination: Area | None
) -> None:
    found = route_map.draw(parcel(*been, destination=destination))
    if found is None:
        return
    assert found.height <= MOST_HEIGHT + 1
    for stop in found.stops:
        assert 0 <= stop.x <= WIDTH
        assert 0 <= stop.y <= found.height
    assert all(0 <= label.y <= found.height for label in found.labels)
    assert len(found.meridians) + len(found.parallels) < 80
    assert re.fullmatch(r"M[\d. -]+(Q[\d.e -]+)*", found.travelled)

"""The simulator over HTTP: the vendor's one address, and `/_sim/` for whoever holds the strings."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulator.answers import Answer
from local.simulator.faults import FaultOrder
from local.simulator.misbehaviour import misbehave
from local.simulator.query import Form
from local.simulator.scripted import Script, is_courier
from local.simulator.world import Options, World

if TYPE_CHECKING:
    from starlette.requests import Request

    from local.simulator.rules import ParcelKey

Body = TypeVar("Body", bound=BaseModel)


class Advance(BaseModel):
    """How far to move the clock on; it never goes back."""

    model_config = ConfigDict(extra="forbid")

    advance: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Key(BaseModel):
    """A new key of the account, as when its owner has the vendor make one; the one before is worth nothing any more."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1)]


class Invalid(Exception):
    """What was put cannot be used; the arguments say why."""


def create_app(options: Options) -> Starlette:
    app = Starlette(
        routes=[
            Route("/poll/query.do", query, methods=["GET", "POST"]),
            Route("/_sim/calls", calls, methods=["GET", "DELETE"]),
            Route("/_sim/violations", violations, methods=["GET"]),
            Route("/_sim/bill", bill, methods=["GET", "DELETE"]),
            Route("/_sim/journeys/{courier}/{number}", journey, methods=["GET", "PUT", "DELETE"]),
            Route("/_sim/faults", faults, methods=["GET", "PUT", "DELETE"]),
            Route("/_sim/clock", clock, methods=["GET", "PUT"]),
            Route("/_sim/account", account, methods=["PUT"]),
        ],
        exception_handlers={Invalid: _refuse},
    )
    app.state.world = World(options)
    return app


async def query(request: Request) -> Response:
    world = _world(request)
    if request.method != "POST":
        return _response(Answer.failure("500"))
    form = Form.parse(request.headers.get("content-type", ""), await request.body())
    if form is None:
        return _response(Answer.failure("400"))
    reply = world.ask(form)
    if reply.spoiled_by is None:
        return _response(reply.answer)
    return misbehave(
        reply.spoiled_by,
        reply.answer,
        slow_seconds=world.options.slow_seconds,
        hang_seconds=world.options.hang_seconds,
    )


async def calls(request: Request) -> Response:
    world = _world(request)
    if request.method == "DELETE":
        world.calls.clear()
        return Response(status_code=204)
    return JSONResponse([asdict(call) for call in world.calls])


async def violations(request: Request) -> Response:
    return JSONResponse([asdict(violation) for violation in _world(request).keeper.violations])


async def bill(request: Request) -> Response:
    """What is charged. DELETE empties the list; a number that is paid for stays paid for."""
    charges = _world(request).bill.charges
    if request.method == "DELETE":
        charges.clear()
        return Response(status_code=204)
    return JSONResponse({"total": len(charges), "charges": [asdict(charge) for charge in charges]})


async def journey(request: Request) -> Response:
    world = _world(request)
    parcel: ParcelKey = request.path_params["courier"], request.path_params["number"]
    if request.method == "PUT":
        script = await _read(request, Script)
        if not is_courier(parcel[0]):
            raise Invalid(f"not a courier code of the vendor: {parcel[0]!r}")
        if not 6 <= len(parcel[1]) <= 32:
            raise Invalid(f"a tracking number has 6 to 32 characters, not {len(parcel[1])}")
        world.put_script(parcel, script)
    if request.method == "DELETE":
        return Response(status_code=204 if world.remove_script(parcel) else 404)
    placed = world.scripts.get(parcel)
    if placed is None:
        return JSONResponse({"detail": "no script for this parcel"}, status_code=404)
    return JSONResponse(placed.as_put(world.now()).model_dump(mode="json"))


async def faults(request: Request) -> Response:
    in_force = _world(request).faults
    if request.method == "PUT":
        in_force.add(await _read(request, FaultOrder))
    if request.method == "DELETE":
        in_force.clear()
        return Response(status_code=204)
    return JSONResponse([order.model_dump(exclude_none=True) for order in in_force.in_force()])


async def clock(request: Request) -> Response:
    world = _world(request)
    if request.method == "PUT":
        world.advance((await _read(request, Advance)).advance)
    return JSONResponse({"now": world.now(), "speed": world.options.clock.speed})


async def account(request: Request) -> Response:
    world = _world(request)
    world.account = replace(world.account, key=(await _read(request, Key)).key)
    return Response(status_code=204)


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


def _response(answer: Answer) -> Response:
    return Response(answer.body, media_type=answer.media_type)


async def _read(request: Request, model: type[Body]) -> Body:
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise Invalid(json.loads(error.json(include_url=False, include_context=False))) from error


async def _refuse(_request: Request, error: Exception) -> Response:
    detail: Any = error.args[0]
    return JSONResponse({"detail": detail}, status_code=422)

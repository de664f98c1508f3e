"""The same lookup as tutorials have it: Powertools with Tracer and validation, boto3's resource, httpx and pydantic at import.

Annotations are what they say and no texts, since validation reads them through the Tracer's decorator.
"""

import json
import os
import zlib
from typing import Any

import boto3
import httpx
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel

logger = Logger(service="usual")
metrics = Metrics(namespace="Usual", service="usual")
tracer = Tracer(service="usual")
app = APIGatewayRestResolver(enable_validation=True)
TABLE = boto3.resource("dynamodb").Table(os.environ["CACHE_TABLE"])
UPSTREAM = httpx.Client(timeout=10)


class Event(BaseModel):
    time: str
    text: str


class Parcel(BaseModel):
    courier: str
    number: str
    status: str
    events: list[Event]


@app.get("/v1/parcels/<courier>/<number>")
@tracer.capture_method
def parcel(courier: str, number: str) -> Parcel:
    item: Any = TABLE.get_item(Key={"pk": f"RESULT#{courier}#{number}"})["Item"]
    return Parcel.model_validate(json.loads(zlib.decompress(item["parcel"].value)))


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)

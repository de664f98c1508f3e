"""The template as the emulator can take it: expanded from SAM without any call to AWS, and adjusted.

template.yaml itself is read and never changed. What is left out or changed here, and why:

- The nested stack of alarms and dashboard: nobody looks at them here, and each would lengthen the start.
- Layers: functions run straight from the source folders, so that an edit is live on the next call.
- Code: a function's code is a note saying where its folder is, for the same reason.
- Function names are ours: the emulator has to be told at its start, by name, to hand invocations to the runner.
- A function's time-out is longer at the emulator than in the template, since it counts the wait for a free process. The runner
  keeps the template's.
- A function's log goes to one group that is emptied all the time: the emulator writes a stream of three lines for each call and
  would save all of them when it ends. What functions print goes to files.
- Rules that invoke a function by time: the emulator would keep real time, so the stack invokes these functions itself, at the speed
  of its own clock (`local.ticker`). The rules are taken out, or they would fire as well.
- A queue that feeds a function hides a message for a few seconds more than that function may take, not for six times as long: no
  other batch waits before it here, and after a kill nobody wants to wait minutes.
- How many batches of a queue run at once is written out as a number: the emulator would take a parameter for a text.
- No concurrency is reserved: the runner's pools are what there is.
- No versions are published, and what calls an alias calls the function: there is one code here, which is the newest, and nothing is
  restored from a snapshot, whatever `SnapStart` says.
- A role that may send or publish may do so in batches by name: to AWS these are the same actions, to the emulator others.
- A path's ANY method is written out as the seven methods that it stands for, and the API's gateway responses become resources of
  their own: the emulator's import passes over both.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from local.options import ROOT, SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STACK = "waybill-local"
QUEUE_SECONDS = 40
DISCARDED_LOG = "/local/discarded"
_FUNCTION = "AWS::Serverless::Function"
_ROLE = "AWS::IAM::Role"
_LAYER = "AWS::Serverless::LayerVersion"
_API = "AWS::Serverless::Api"
_NESTED = "AWS::CloudFormation::Stack"
_ANY = "x-amazon-apigateway-any-method"
_RESPONSES = "x-amazon-apigateway-gateway-responses"
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_VISIBLE_AGAIN_SECONDS = 5
# An action of IAM, and the operation that it stands for beside the one of its name.
_BATCHES = {"sqs:SendMessage": "sqs:SendMessageBatch", "sns:Publish": "sns:PublishBatch"}
_PUBLISHING = (
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "SnapStart",
    "VersionDeletionPolicy",
    "VersionDescription",
)
_METHODS = ("delete", "get", "head", "options", "patch", "post", "put")


@dataclass(frozen=True, slots=True)
class Function:
    """What the runner needs to know of a function, but for its environment, which is known after the deployment."""

    name: str
    folder: str
    handler: str
    timeout: float
    memory: int
    layers: tuple[str, ...]
    # Somebody waits for its answer: a caller of the API.
    called: bool
    # Time invokes it, every so many seconds.
    every: float | None
    authorizer: bool
    # Queues that it takes messages from.
    queues: int

    @property
    def short_name(self) -> str:
        return Path(self.folder).name


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment: `digest` tells whether it is the one that is there already."""

    digest: str
    template: dict[str, Any]
    functions: tuple[Function, ...]

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        functions = tuple(
            Function(**{**function, "layers": tuple(function["layers"])}) for function in saved["functions"]
        )
        return cls(saved["digest"], saved["template"], functions)

    def of_type(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Logical id and properties of the resources of one type."""
        resources = self.template["Resources"].items()
        return [
            (name, resource.get("Properties", {})) for name, resource in resources if resource["Type"] == kind
        ]

    def only(self, kind: str) -> str:
        """Logical id of the one resource of a type."""
        ((name, _),) = self.of_type(kind)
        return name

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def digest(source: Path, parameters: Mapping[str, str]) -> str:
    """Names a deployment: the same template, parameters and way of expanding give the same digest."""
    parts = [
        source.read_bytes(),
        json.dumps(dict(parameters), sort_keys=True).encode(),
        Path(__file__).read_bytes(),
        version("aws-sam-translator").encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_plan(source: Path, parameters: Mapping[str, str]) -> Plan:
    """Expand `source` for `parameters` (of the template; those not given take their defaults)."""
    # Imported here: it takes a second, and an unchanged template is not expanded again.
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # it has no type hints  # noqa: PLC0415 -- see above

    template = yaml_parse(source.read_text())
    resources = template["Resources"]
    values = {name: declared.get("Default", "") for name, declared in template.get("Parameters", {}).items()}
    values |= parameters
    shared = template.get("Globals", {}).get("Function", {})
    folders = {
        name: layer["Properties"]["ContentUri"]
        for name, layer in resources.items()
        if layer["Type"] == _LAYER
    }
    in_apis = json.dumps([resource for resource in resources.values() if resource["Type"] == _API])
    functions = tuple(
        _adjust_function(name, resource["Properties"], shared, folders, values, in_apis)
        for name, resource in resources.items()
        if resource["Type"] == _FUNCTION
    )
    _adjust_queues(resources, functions, values)
    for resource in resources.values():
        if resource["Type"] == _ROLE:
            _name_batches(resource["Properties"]["Policies"])
        if resource["Type"] == _API:
            _name_functions(resource["Properties"]["Auth"]["Authorizers"])
    shared.pop("Layers", None)
    for name, resource in list(resources.items()):
        if resource["Type"] in {_LAYER, _NESTED}:
            del resources[name]
    return Plan(digest(source, parameters), _expand(template, values), functions)


def _adjust_function(
    logical_id: str,
    properties: dict[str, Any],
    shared: Mapping[str, Any],
    folders: Mapping[str, str],
    values: Mapping[str, Any],
    in_apis: str,
) -> Function:
    def setting(name: str, default: Any) -> Any:
        value = properties.get(name, shared.get(name, default))
        return values[value["Ref"]] if isinstance(value, dict) and value.keys() == {"Ref"} else value

    layers = [layer["Ref"] for layer in [*shared.get("Layers", []), *properties.pop("Layers", [])]]
    function = Function(
        name=f"{STACK}-{logical_id}",
        folder=str(setting("CodeUri", ".")).rstrip("/"),
        handler=setting("Handler", "app.handler"),
        timeout=float(setting("Timeout", 3)),
        memory=int(setting("MemorySize", 128)),
        layers=tuple(folders[layer] for layer in layers if (ROOT / folders[layer] / "python").is_dir()),
        called=logical_id in in_apis
        or any(event["Type"] == "Api" for event in properties.get("Events", {}).values()),
        every=_take_out_schedule(properties.get("Events", {})),
        authorizer=logical_id in in_apis,
        queues=sum(event["Type"] == "SQS" for event in properties.get("Events", {}).values()),
    )
    properties.pop("CodeUri", None)
    properties["InlineCode"] = f"# runs from {function.folder}"
    properties["FunctionName"] = function.name
    properties["LoggingConfig"] = {"LogGroup": DISCARDED_LOG}
    properties["Timeout"] = int(function.timeout + QUEUE_SECONDS)
    properties.pop("ReservedConcurrentExecutions", None)
    for name in _PUBLISHING:
        properties.pop(name, None)
    return function


def _take_out_schedule(events: dict[str, Any]) -> float | None:
    """The seconds of service time after which time invokes a function again and again, if it does."""
    for name, event in list(events.items()):
        if event["Type"] == "Schedule":
            rate = _RATE.fullmatch(events.pop(name)["Properties"]["Schedule"])
            if rate is None:
                raise SetupError(f"The local stack knows schedules as rate(...) only, not that of {name}.")
            return float(int(rate[1]) * _SECONDS[rate[2]])
    return None


def _adjust_queues(
    resources: Mapping[str, Any], functions: Sequence[Function], values: Mapping[str, Any]
) -> None:
    for function in functions:
        events = resources[function.name.removeprefix(f"{STACK}-")]["Properties"].get("Events", {})
        for event in events.values():
            if event["Type"] == "SQS":
                queue = resources[event["Properties"]["Queue"]["Fn::GetAtt"][0]]
                queue["Properties"]["VisibilityTimeout"] = int(function.timeout + _VISIBLE_AGAIN_SECONDS)
                scaling = event["Properties"]["ScalingConfig"]
                at_once = scaling["MaximumConcurrency"]
                scaling["MaximumConcurrency"] = int(
                    values[at_once["Ref"]] if isinstance(at_once, dict) else at_once
                )


def _name_functions(authorizers: Mapping[str, Any]) -> None:
    for authorizer in authorizers.values():
        alias = authorizer["FunctionArn"].get("Ref")
        if alias:
            authorizer["FunctionArn"] = {"Fn::GetAtt": [alias.removesuffix(".Alias"), "Arn"]}


def _name_batches(policies: Sequence[Mapping[str, Any]]) -> None:
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            allowed = statement["Action"]
            actions = [allowed] if isinstance(allowed, str) else allowed
            statement["Action"] = [*actions, *(_BATCHES[each] for each in actions if each in _BATCHES)]


def _expand(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    from boto3.session import Session  # noqa: PLC0415 -- as in make_plan
    from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]  # it has no type hints  # noqa: PLC0415 -- as in make_plan
    from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]  # it has no type hints  # noqa: PLC0415 -- as in make_plan

    logging.getLogger("samtranslator").setLevel(
        logging.ERROR
    )  # it warns of feature toggles that only the hosted one has
    translator = Translator({}, Parser(), boto_session=Session(region_name="us-east-1"))
    # It changes the template as it goes and adds pseudo parameters to the values, so both are copies.
    expanded = dict(translator.translate(copy.deepcopy(dict(template)), dict(values)))
    for name, resource in list(expanded["Resources"].items()):
        body = resource.get("Properties", {}).get("Body", {})
        for path in body.get("paths", {}).values():
            if (fallback := path.pop(_ANY, None)) is not None:
                path.update({method: copy.deepcopy(fallback) for method in _METHODS if method not in path})
        for kind, response in body.pop(_RESPONSES, {}).items():
            expanded["Resources"][name + kind.title().replace("_", "")] = {
                "Type": "AWS::ApiGateway::GatewayResponse",
                "Properties": {
                    "RestApiId": {"Ref": name},
                    "ResponseType": kind,
                    **{setting[0].upper() + setting[1:]: value for setting, value in response.items()},
                },
            }
    return expanded

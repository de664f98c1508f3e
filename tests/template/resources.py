"""Finding one's way in the resources that CloudFormation gets."""

from __future__ import annotations

import re
from typing import Any

Resources = dict[str, dict[str, Any]]


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def target(reference: Any) -> str:
    """The logical id that a reference points to, also one to an index or a stream of a table; `""` for anything else."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return name
        case {"Fn::Sub": str(text)} if index := re.fullmatch(
            r"\$\{(\w+)\.Arn\}/(?:index|stream)/(\*|\w+)", text
        ):
            return index[1]
    return ""


# ---- Functions

"""The operations of pages for people that need no token, and of the files that they load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.openapi.table import CACHED, IF_NONE_MATCH, Answer, Example, Operation, Parameter, Sent, unchanged

if TYPE_CHECKING:
    from waybill.assets import Assets


def page(id_: str, path: str, tag: str, summary: str, description: str) -> Operation:
    return Operation(
        id=id_,
        method="GET",
        path=path,
        tag=tag,
        summary=summary,
        description=description,
        scope=None,
        parameters=(IF_NONE_MATCH,),
        answers={
            200: Answer(
                description="The page.",
                model={"type": "string"},
                headers=(*CACHED, "Content-Security-Policy"),
                media_types=("text/html",),
            ),
            304: unchanged(),
        },
        examples=(Example(name="page", summary="The page", status=200),),
    )


def asset(
    id_: str,
    tag: str,
    summary: str,
    files: Assets,
    path: str,
    types: dict[str, str],
    shown: tuple[str, str, str],
) -> Operation:
    """`types` are the media types by their endings; `shown` is an example's name and summary, and its file."""
    name, said, file = shown
    endings = "|".join(types)
    return Operation(
        id=id_,
        method="GET",
        path=path,
        tag=tag,
        summary=summary,
        description="Open.",
        scope=None,
        parameters=(
            Parameter(
                name="asset",
                place="path",
                schema={"type": "string", "pattern": rf"^[a-z-]+\.[0-9a-f]{{12}}\.({endings})$"},
                description="Its name, as the page has it; another content has another name.",
                example=files.name(file),
                required=True,
            ),
            IF_NONE_MATCH,
        ),
        answers={
            200: Answer(
                description="The file.",
                model={"type": "string"},
                headers=CACHED,
                media_types=tuple(types.values()),
            ),
            304: unchanged(),
        },
        errors=(404,),
        examples=(
            Example(name=name, summary=said, status=200, sent=Sent(path={"asset": files.name(file)})),
            Example(
                name="unknown", summary="No such file", status=404, sent=Sent(path={"asset": "logo.png"})
            ),
        ),
    )

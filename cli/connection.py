"""Where the API is and who asks: from options, the environment, or the local stack's own folder.

A token is taken from a file or the environment and never from an argument, which everybody on the machine can read.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cli.exits import Misuse
from tools import asking
from waybill.access import is_private

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_URL: Final = "http://127.0.0.1:8080"
DEFAULT_SIMULATOR: Final = "http://127.0.0.1:8100"
STACK_FILE: Final = "stack.json"
"""What a running local stack says of itself in its folder, as `local.state` writes it."""
_TOKEN_LENGTHS: Final = range(8, 8001)


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A local stack that runs, or ran until it was killed. `table` is its Tracking table, `aws` how boto3 finds it."""

    api: str
    simulator: str | None
    token: str
    table: str
    aws: Mapping[str, str]


def checked_url(text: str, name: str) -> str:
    """An address without a slash at its end.

    Raises:
        Misuse: no address, or one where a token could be read on the way.
    """
    url = text.strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
    except ValueError:
        usable = False
    if not usable:
        raise Misuse(
            f"{name} is {text!r}, which is no address.", "Give it as https://host/stage, without /v1."
        )
    if not is_private(url):
        raise Misuse(
            f"{name} is {text!r}: over http everybody on the way could read the token.",
            "Use https; http is for this machine only.",
        )
    return url


def is_loopback(url: str) -> bool:
    return urlsplit(url).scheme == "http"


def token(url: str, file: Path | None, environ: Mapping[str, str]) -> str:
    """The token of `file` (`-`: standard input), else of WAYBILL_TOKEN, else the demo token of a local stack.

    Raises:
        Misuse: there is none, or what is there is none.
    """
    if file is not None:
        return _checked_token(_read(file), str(file))
    if given := environ.get("WAYBILL_TOKEN", "").strip():
        return _checked_token(given, "WAYBILL_TOKEN")
    if is_loopback(url):
        if stack := local_stack(url, environ):
            return stack.token
        saved = state_folder(environ) / "token"
        if saved.is_file():
            return _checked_token(_read(saved), str(saved))
    raise Misuse(
        f"No token for {url}.",
        "Put one into the environment as WAYBILL_TOKEN, or name a file that holds it with --token-file. "
        "`waybill tokens create` makes one; `make run` has its own.",
    )


def local_stack(url: str, environ: Mapping[str, str]) -> LocalStack | None:
    """The local stack whose API is at `url`, if its folder is the one that WAYBILL_STATE names or the usual one."""
    folder = state_folder(environ)
    for place in (folder, folder / "real"):
        try:
            said: Any = json.loads((place / STACK_FILE).read_text(encoding="utf-8"))
            if said["api"] == url:
                secret = (place / "token").read_text(encoding="utf-8")
                return LocalStack(url, said["simulator"], secret, said["table"], said["aws"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not there, or not written by a local stack
    return None


def state_folder(environ: Mapping[str, str]) -> Path:
    """As `make run` understands it: relative to the project, wherever the command is called."""
    return ROOT / (environ.get("WAYBILL_STATE", "").strip() or ".local/state")


def environment() -> Mapping[str, str]:
    return os.environ


def _read(file: Path) -> str:
    try:
        return asking.secret("Token: ") if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"The token cannot be read from {file} ({error}).", "Name another file.") from error


def _checked_token(text: str, where: str) -> str:
    token = text.strip()
    if len(token) not in _TOKEN_LENGTHS or not token.isascii() or not token.isprintable() or " " in token:
        raise Misuse(f"{where} holds no token.", "A token is one line, wb_... or a JWT.")
    return token

"""The addresses of a host, as this machine's resolver finds them."""

from __future__ import annotations

import socket


def lookup(host: str, port: int) -> list[str]:
    """None where the host has none, or nobody answers."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]

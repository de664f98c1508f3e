"""Start the simulator: `python -m local.simulator --port 8100 --state .local/state/simulator`."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.simulator.query import Account
from local.simulator.server import create_server, listen
from local.simulator.world import SCRIPTS, Options
from waybill.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator", description="A double of Kuaidi100's realtime query."
    )
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other journeys")
    parser.add_argument("--customer", default="DEMO", help="the only account there is")
    parser.add_argument("--key", default="KEY", help="its key")
    parser.add_argument(
        "--clock", type=Clock.parse, default=Clock(), help='"<real>,<simulated>,<speed>" in epoch seconds'
    )
    parser.add_argument("--state", type=Path, default=Path(".local/state/simulator"), help="folder")
    parser.add_argument("--scripts", type=Path, default=SCRIPTS, help="folder of scripted journeys")
    return parser.parse_args(arguments)


def main() -> int:
    arguments = parse_arguments(sys.argv[1:])
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(
            f"port {arguments.port} on {arguments.host} is taken by another program;"
            " give the simulator another one with --port",
            file=sys.stderr,
        )
        return 1
    options = Options(
        state=arguments.state,
        seed=arguments.seed,
        account=Account(arguments.customer, arguments.key),
        clock=arguments.clock,
        scripts=arguments.scripts,
    )
    try:
        server = create_server(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    host, port = listener.getsockname()[:2]
    print(f"Kuaidi100 simulator on http://{host}:{port}", flush=True)
    # The server stops gracefully on a signal and then raises it again, for these to turn into an orderly exit.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: sys.exit(0))
    server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())

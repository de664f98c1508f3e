"""Runs a module, or a file ending in .py, as this process, which ends itself when its parent is gone.

    python -P child.py <module or file> [argument ...]

The parent holds the other end of the pipe on standard input. However the parent ends, also by SIGKILL, the pipe closes, and no
process of the stack is left behind; SIGTERM comes first, so that one with state to save can save it. It needs nothing but the
standard library, since it runs with the emulator's interpreter too.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 10


def _end_with_parent(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    sys.argv = sys.argv[1:]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

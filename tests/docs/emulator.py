"""The emulator with the SAM translator, as its full edition has it: lent from the environment whose packages argv[1] has.

So that `sam deploy` meets a CloudFormation that expands its template; the local stack expands it by itself.
"""

from __future__ import annotations

import runpy
import sys

sys.path.append(sys.argv.pop(1))
runpy.run_module("ministack", run_name="__main__", alter_sys=True)

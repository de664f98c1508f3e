"""`make faults`: every fault of the table on one stack, run by run, and what came of it into the table of docs/reliability.md.

`--run 6` does one run. Rows of faults that were not survived stay as they are in the document, and the command fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.document import write
from tests.faults.rig import rig
from tests.faults.table import runs
from tests.stacks import running_stack

SPEED = "6000"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=int, action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--state", type=Path, help="a folder for the stack, whose logs are kept")
    given = parser.parse_args()
    done = []
    failed = False
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running_stack(given.state or Path(folder), SIM_SPEED=SPEED, WAYBILL_TROUBLE="on") as stack,
        rig(stack) as made,
    ):
        for number, faults in runs(*given.run).items():
            begun = time.monotonic()
            for fault, survived in zip(faults, made.run(faults), strict=True):
                wrong = survived.wrong(again=any(each.again for each in faults))
                failed |= bool(wrong)
                if not wrong:
                    done.append(survived)
                print(f"{fault.name}: {'; '.join(wrong) or 'survived'}\n    {survived}")
            write(done)
            print(f"run {number}: {time.monotonic() - begun:.0f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

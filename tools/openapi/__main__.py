"""`python -m tools.openapi`: write the OpenAPI document, or with `--check` say whether the committed one is what the code does."""

from __future__ import annotations

import argparse
import json
import sys

from tools.openapi import breaking, document
from tools.openapi.examples import ROOT

FILE = ROOT / "layers/core/python/waybill/data/openapi.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="openapi", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the committed document differs"
    )
    parser.add_argument("--breaking", action="store_true", help="write it although it breaks clients")
    given = parser.parse_args(arguments)
    committed = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    text = json.dumps(document.build(), ensure_ascii=False, indent=2) + "\n"
    if text == committed:
        return 0
    breaks = breaking.changes(json.loads(committed), json.loads(text)) if committed else []
    for each in breaks:
        print(f"breaks clients: {each}", file=sys.stderr)
    if given.check:
        print(f"{FILE.relative_to(ROOT)} is not what the code does: run make openapi", file=sys.stderr)
        return 1
    if breaks and not given.breaking:
        print("Nothing was written. If it has to be, run make openapi BREAKING=1.", file=sys.stderr)
        return 1
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

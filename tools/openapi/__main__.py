"""`python -m tools.openapi`: write the OpenAPI document and the schema of events; with `--check` say whether they hold."""

from __future__ import annotations

import argparse
import json
import sys

from tools.openapi import breaking, document
from tools.openapi.examples import ROOT

FILE = ROOT / "layers/core/python/waybill/data/openapi.json"
EVENTS = ROOT / "docs/events.schema.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="openapi", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a committed file differs"
    )
    parser.add_argument("--breaking", action="store_true", help="write it although it breaks clients")
    given = parser.parse_args(arguments)
    committed = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    texts = {FILE: as_text(document.build()), EVENTS: as_text(document.notification())}
    stale = [
        file for file, text in texts.items() if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    if not stale:
        return 0
    breaks = breaking.changes(json.loads(committed), json.loads(texts[FILE])) if committed else []
    for each in breaks:
        print(f"breaks clients: {each}", file=sys.stderr)
    if given.check:
        for file in stale:
            print(f"{file.relative_to(ROOT)} is not what the code does: run make openapi", file=sys.stderr)
        return 1
    if breaks and not given.breaking:
        print("Nothing was written. If it has to be, run make openapi BREAKING=1.", file=sys.stderr)
        return 1
    for file in stale:
        file.write_text(texts[file], encoding="utf-8")
        print(f"{file.relative_to(ROOT)} written")
    return 0


def as_text(made: document.Json) -> str:
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""Write data/schemes/scheme.schema.json for editors of scheme files; `--check` only says whether it is up to date."""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "data" / "schemes" / "scheme.schema.json"


def make_text() -> str:
    from loyalty_research.schema import scheme_schema

    return json.dumps(scheme_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    text = make_text()
    if "--check" not in sys.argv:
        FILE.write_text(text, encoding="utf-8", newline="\n")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print(f"{FILE.relative_to(ROOT)} differs from the dataclasses of loyalty_research.language: run `make export`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

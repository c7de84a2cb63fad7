"""The pages "Provenance" of the site: every row of the sources with its home and test, every number of every scheme.

Made from data/reference and the scheme files; nothing here is typed in but the words around the tables.
"""
import csv
import re
from pathlib import Path

import nbformat

import loyalty_research as lr

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "data" / "reference"
INTRODUCTION = """# Provenance

Where every rule and every number comes from. The schemes are read from two articles:

- **EN**: "What Drives Successful E-Commerce Membership Systems?", a machine-made summary of a report by NetEase UEDC.
- **ZH**: 拼多多:为何不做会员成长体系和积分体系? (why Pinduoduo has neither levels nor points), with its readers' comments.

An interest to declare: NetEase UEDC is a design group of NetEase, which owned Yanxuan and, until September 2019, Kaola. Both are among the
schemes that its report describes.

A number is *sourced* (its row in the tables below or in the [table of facts](facts.md)), *assumed* (with a reason and a range) or *fitted*.
What the sources leave open is assumed and says so; what they contradict is a reading that can be switched.
"""


def read(name: str) -> list[dict]:
    with open(REFERENCE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict], columns: dict[str, str]) -> str:
    """A Markdown table of some columns, under other headings."""
    def cell(value: object) -> str:
        return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").replace("$", "\\$").replace("*", "\\*")
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(row[name]) for name in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def front_page(schemes: list[str]) -> str:
    """The declaration, the schemes, and each row of the sources with its home and test."""
    counts = lr.list_schemes().reset_index()
    listed = [{"title": f"[{row.title}]({row.key}.md)", "operator": row.operator, "sourced": row.sourced, "assumed": row.assumed,
               "fitted": row.fitted} for row in counts.itertuples()]
    what = {row["id"]: row for row in read("source_rules.csv")}
    titles = {row["key"]: f"study {row['title']} ({row['state']})" for row in read("studies.csv")}
    rows = [{**row, "what": what[row["id"]]["what"], "where": what[row["id"]]["where"],
             "home": titles.get(row["home"].removeprefix("study: "), row["home"])} for row in read("coverage.csv")]
    contents = "```{toctree}\n:hidden:\n\nfacts\n" + "\n".join(schemes) + "\n```\n"
    return (INTRODUCTION + "\n## Schemes\n\n" + table(listed, {"title": "scheme", "operator": "operator", "sourced": "sourced",
                                                              "assumed": "assumed", "fitted": "fitted"})
            + "\n## Rows of the articles\n\nEach row of the two articles, where it lives, and the test that shows it.\n\n"
            + table(rows, {"id": "id", "what": "what the article says", "where": "where", "kind": "kind", "home": "lives in", "test": "shown by",
                           "note": "note"}) + "\n" + contents)


def names_of_schemes() -> dict[str, str]:
    """Key of a scheme to its English and Chinese name, out of the glossary."""
    cells = nbformat.read(ROOT / "nbs" / "guides" / "glossary.ipynb", 4).cells
    rows = next(cell.source for cell in cells if cell.source.startswith("## Schemes of the package"))
    return {key: f"{english}, {chinese}" for key, english, chinese in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", rows, re.MULTILINE)}


def scheme_page(key: str, names: str) -> str:
    """Every number of a scheme with its source, or its reason and range; and its readings."""
    scheme = lr.load_scheme(key)
    numbers = scheme.parameters.fillna("").to_dict("records")
    for row in numbers:
        row["value"] = f"{row['value']:,.10g} {row['unit']}"
        row["origin"] = row["source_id"] or row["reason"]
        row["range"] = f"{row['low']:,.10g} to {row['high']:,.10g}" if row["low"] != "" else ""
    text = f"# {scheme.title}\n\n{names}. Key `{key}`, operator: {scheme.operator}.\n\n## Numbers\n\n:::{{container}} numbers\n" + table(
        numbers, {"path": "number", "value": "value", "provenance": "provenance", "origin": "source, or reason", "range": "range"}) + ":::\n"
    readings = scheme.reading_choices.to_dict("records")
    if readings:
        text += "\n## Readings\n\nThe first choice of each is the default.\n\n" + table(
            readings, {"reading": "row", "choice": "choice", "about": "what it means"})
    return text


def write_pages(folder: Path) -> list[str]:
    """Write the pages into a folder; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    schemes = list(lr.list_schemes().index)
    (folder / "index.md").write_text(front_page(schemes), encoding="utf-8")
    facts = table(read("schemes_facts.csv"), {"id": "id", "scheme": "scheme", "item": "item", "value": "value", "unit": "unit", "date": "date",
                                              "source": "source", "verified_at": "page"})
    (folder / "facts.md").write_text(f"# Facts from other pages\n\nRows that `source` names beside those of the articles.\n\n{facts}",
                                     encoding="utf-8")
    names = names_of_schemes()
    for key in schemes:
        (folder / f"{key}.md").write_text(scheme_page(key, names[key]), encoding="utf-8")
    return ["provenance/index"]

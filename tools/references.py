"""The page "References" of the site: what the findings, the fits and the code cite, with DOIs where the tables have them.

Made from data/reference/facts.csv and the References of docstrings; no DOI is added here.
"""
import ast
import csv
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTRODUCTION = """# References

## Published findings

The sources of the findings that simulated customers are fitted to and held against, with the rows of `data/reference/facts.csv` that rest on
each. A DOI stands here when the tables have it; where they note that it was written from memory, it says *not checked*.
"""
CITED = """
## Cited in the code

What docstrings name as the source of a formula, with the page that documents it.
"""


def read_facts() -> list[dict]:
    with open(ROOT / "data" / "reference" / "facts.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def publications() -> list[str]:
    """A line of Markdown for each source of a finding: the source, its DOI, the rows that rest on it."""
    rows: dict[str, list[dict]] = {}
    for row in read_facts():
        rows.setdefault(row["source"].strip(), []).append(row)
    return [f"- {source}. {doi(facts)} Rows: {', '.join(fact['id'] for fact in facts)}." for source, facts in sorted(rows.items())]


def doi(facts: list[dict]) -> str:
    """The DOI of a source as a link, or that the tables have none."""
    found = {fact["doi"] for fact in facts if fact["doi"]}
    if not found:
        return "No DOI in the tables."
    doubtful = any("doi from memory" in fact["verified_at"] for fact in facts)
    return " ".join(f"DOI [{name}](https://doi.org/{name})" for name in sorted(found)) + (", not checked." if doubtful else ".")


def cited(docstring: str) -> str:
    """The text under References of a numpydoc docstring, on one line."""
    found = re.search(r"^References\n-+\n(.*?)(?=\n\n\w+\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def citations() -> list[str]:
    """A line of Markdown for each text that docstrings cite, with the functions that cite it."""
    users: dict[str, list[str]] = {}
    for path in sorted((ROOT / "loyalty_research").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (text := cited(ast.get_docstring(node) or "")):
                users.setdefault(text, []).append(f"[`{path.stem}.{node.name}`](../reference/{path.stem}.rst)")
    return [f"- {text} Cited by {', '.join(names)}." for text, names in sorted(users.items())]


def references_page() -> str:
    return "\n".join([INTRODUCTION, *publications(), CITED, *citations(), ""])

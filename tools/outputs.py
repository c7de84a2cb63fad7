"""Whether a notebook still shows what its code says: stored outputs against those of a fresh run.

Compared: text, HTML and Markdown (tables in both of their forms), and the data of figures (`figure_data.MIME`, in place of the image).
Words and whole numbers must be the same; numbers with a decimal point or an exponent may differ by `RELATIVE` of themselves, or by `ABSOLUTE`.

Left out, by rule: what is written to stderr; what a live widget shows (progress bars); addresses in memory; durations in s, ms, µs, ns or min;
the random ids of styled tables; runs of blanks.
"""
import json
import math
import re

from figure_data import MIME

RELATIVE, ABSOLUTE = 1e-6, 1e-9
COMPARED = ("text/plain", "text/html", "text/markdown", MIME)
BARE = "an image without its data"
BAR = re.compile(r"\A\s*(?:[^\n|]*:\s+)?\d+%\|[^\n]*\|[^\n]*\Z")
VARYING = [(re.compile(r"\b0x[0-9a-fA-F]{6,}"), "0x"), (re.compile(r"\bT_[0-9a-f]{5}(?=_|\b)"), "T_"),
           (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:s|ms|µs|ns|min)\b"), "(time)"), (re.compile(r"\s+"), " ")]
NUMBER = re.compile(r"(?<![\w.])[-\N{MINUS SIGN}+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?")


def is_progress(output: dict) -> bool:
    """A live widget, or the words that stand for one."""
    data = output.get("data", {})
    return "application/vnd.jupyter.widget-view+json" in data or (set(data) == {"text/plain"} and bool(BAR.match(data["text/plain"])))


def texts(cell: dict) -> list[tuple[str, str]]:
    """(Form, text) of all that a cell's outputs say, without what varies from run to run."""
    found = []
    for output in cell["outputs"]:
        if output.output_type == "stream" and output.name == "stdout":
            found.append(("stdout", output.text))
        elif output.output_type == "error":
            found.append(("error", f"{output.ename}: {output.evalue}"))
        elif output.output_type in ("display_data", "execute_result") and not is_progress(output):
            if "image/png" in output.data and MIME not in output.data:
                found.append((BARE, ""))
            found += [(form, json.dumps(output.data[form], sort_keys=True) if form == MIME else output.data[form]) for form in COMPARED if form in output.data]
    for pattern, instead in VARYING:
        found = [(form, pattern.sub(instead, text)) for form, text in found]
    return [(form, text.strip()) for form, text in found]


def same_number(old: str, new: str) -> bool:
    """Equal; or close, where both are no whole numbers."""
    if old == new:
        return True
    if not all(any(mark in each for mark in ".eE") for each in (old, new)):
        return False
    first, second = (float(each.replace(",", "").replace("\N{MINUS SIGN}", "-")) for each in (old, new))
    return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def first_difference(old: str, new: str) -> str:
    """Where two texts part, in a few words of each; nothing if they say the same."""
    if old == new:
        return ""
    for (before, first), (after, second) in zip(pieces(old), pieces(new), strict=False):
        if before != after or not same_number(first, second):
            return f"{shorten(before + first)} is now {shorten(after + second)}"
    return "" if len(pieces(old)) == len(pieces(new)) else "one is longer than the other"


def pieces(text: str) -> list[tuple[str, str]]:
    """A text as (words, number after them)."""
    return list(zip(NUMBER.split(text), [*NUMBER.findall(text), ""], strict=True))


def shorten(text: str) -> str:
    return repr(text if len(text) <= 90 else "..." + text[-87:])


def compare_outputs(stored: dict, fresh: dict) -> list[str]:
    """A line for each cell whose stored outputs are not those of the fresh run."""
    problems = []
    for old_cell, new_cell in zip(stored.cells, fresh.cells, strict=True):
        if old_cell.cell_type != "code":
            continue
        old, new = texts(old_cell), texts(new_cell)
        before, after = ([form for form, _ in found] for found in (old, new))
        if before != after or BARE in after:
            problems.append(f"cell {old_cell.id}: {', '.join(before) or 'no output'} is now {', '.join(after) or 'no output'}")
            continue
        apart = [f"{form}: {difference}" for (form, was), (_, now) in zip(old, new, strict=True) if (difference := first_difference(was, now))]
        problems += [f"cell {old_cell.id}: {apart[0]}"] if apart else []
    return problems

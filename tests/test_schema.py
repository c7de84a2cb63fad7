"""The schema of scheme files: valid, generated, met by every file of the package, never stricter than the reader."""

import json
import pickle
import random
import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

import loyalty_research as lr
from loyalty_research.events import EVENT_KINDS, SchemeError
from loyalty_research.language import Document, EarnRule, Number, write_value
from loyalty_research.reader import copy_tables, keys_of
from loyalty_research.schemes import load_scheme, parse

ROOT = Path(__file__).resolve().parent.parent
FOLDER = files("loyalty_research.data").joinpath("schemes")
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir() if path.name.endswith(".toml")}
TEXTS["features.toml"] = (ROOT / "tests" / "oracle" / "features.toml").read_text(encoding="utf-8")
SCHEMA = lr.scheme_schema()
CHECK = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
HEAD = """
[scheme]
key = "small"
title = "Small"
operator = "nobody"
timezone = "Asia/Shanghai"
scored = "monthly:1"
settled = "monthly:1"
[returns]
window_days = {value = 30, source = "S1"}
[confirm]
days = {value = 7, source = "S1"}
[[tier]]
name = "all"
"""
COIN = """
[[currency]]
name = "coin"
value_cny = {value = 0.01, source = "S1"}
expiry = {kind = "never", source = "S1"}
"""
RULE = COIN + """
[[currency.earn]]
on = ["login"]
points = {value = 1, source = "S1"}
"""
SCORE = """
[[score.component]]
name = "c"
[[score.rule]]
name = "r"
component = "c"
on = ["login"]
points = {value = 1, source = "S1"}
window = "trailing"
"""
BENEFIT = """
[[benefit]]
name = "b"
title = "B"
tier = "all"
kind = "price"
rate = {value = 0.1, source = "S1"}
source = "S1"
"""
PLAN = """
[[plan]]
name = "p"
[[plan.fee]]
cny = {value = 10, source = "S1"}
"""


def error_of(tables: dict) -> str:
    """What the schema has first against a parsed file, its dates as texts, as editors see them."""
    found = next(CHECK.iter_errors(json.loads(json.dumps(tables, default=str))), None)
    return found.message if found else ""


def message_of(text: str) -> str:
    """Why the reader refuses a file; empty where it takes it."""
    try:
        parse(text, "my.toml")
    except SchemeError as error:
        return str(error)
    return ""


# ---------------------------------------------------------------- the schema itself
def test_is_a_valid_schema_that_the_oldest_reader_among_editors_understands():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    new = {"prefixItems", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"}
    for node in nodes_in(SCHEMA):
        assert not new & node.keys(), "Taplo knows draft 7 and drops other words"
        assert "$ref" not in node or node.keys() == {"$ref"}, "Taplo drops what stands beside a $ref"
        assert "allOf" not in node or "properties" not in node, "Taplo completes no key of a table with allOf"


def nodes_in(node):
    """Every table of a tree."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes_in(inner)


def test_committed_file_is_the_generated_one():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "schema.py", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(FOLDER.joinpath("scheme.schema.json").read_text(encoding="utf-8")) == SCHEMA


def test_every_table_is_described_and_closed():
    tables = {"the file": SCHEMA, **SCHEMA["$defs"]}
    for name, table in tables.items():
        assert table["type"] == "object" and table["additionalProperties"] is False, name
        assert len(table["description"]) > 10 and set(table["required"]) <= table["properties"].keys(), name
    for name, table in tables.items():
        if name.startswith("Number_"):
            assert "Unit: " in table["description"] and table["properties"].keys() == keys_of(Number).keys()


def test_words_units_and_defaults_come_from_the_dataclasses():
    defs = SCHEMA["$defs"]
    assert list(SCHEMA["properties"]) == list(keys_of(Document))
    assert list(defs["EarnRule"]["properties"]) == list(keys_of(EarnRule))
    assert defs["EarnRule"]["properties"]["on"]["items"]["enum"] == list(EVENT_KINDS)
    assert defs["ScoreRule"]["required"] == ["name", "on", "component", "window"]
    assert defs["EarnRule"]["required"] == ["on"]
    assert set(defs["ScoreRule"]["properties"]["per"]["enum"]) - set(defs["EarnRule"]["properties"]["per"]["enum"]) == {
        "state", "level", "year_since_first_order"
    }
    assert defs["Currency"]["properties"]["rounding"] == {"enum": ["floor", "half_even"], "default": "floor"}
    share = defs["Number_share"]["properties"]
    assert (share["value"]["minimum"], share["value"]["maximum"], share["range"]["items"]["maximum"]) == (0, 1, 1)
    assert "multipleOf" not in share["value"] and defs["Number_points"]["properties"]["value"]["multipleOf"] == 1
    assert defs["Number_points"]["description"].endswith("Unit: points; a whole number, at least 0.")


# ---------------------------------------------------------------- files that conform
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_file_conforms(name):
    assert error_of(tomllib.loads(TEXTS[name])) == ""
    assert error_of(tomllib.loads(parse(TEXTS[name], name).to_toml())) == ""


def test_files_of_the_package_name_the_schema_and_it_is_no_scheme():
    for name, text in TEXTS.items():
        assert name == "features.toml" or text.startswith("#:schema ./scheme.schema.json\n"), name
    assert FOLDER.joinpath("scheme.schema.json").is_file()
    assert set(lr.list_schemes().index) == {name[:-5] for name in TEXTS} - {"features"}


SMALL = [HEAD, HEAD + RULE, HEAD + SCORE, HEAD + BENEFIT, HEAD + PLAN, HEAD + RULE + SCORE + BENEFIT + PLAN]


@pytest.mark.parametrize("text", SMALL)
def test_small_files_conform(text):
    assert message_of(text) == "" and error_of(tomllib.loads(text)) == ""


# ---------------------------------------------------------------- files that both refuse
BROKEN = {
    "unknown key": (HEAD, "title", "titel"),
    "unknown table": (HEAD, "[confirm]", "[confrim]"),
    "unknown key in a number": (HEAD, '{value = 7, source = "S1"}', '{value = 7, sauce = "S1"}'),
    "bare number": (HEAD, '{value = 7, source = "S1"}', "7"),
    "text for a number": (HEAD, "value = 7", 'value = "7"'),
    "boolean for a number": (HEAD, "value = 7", "value = true"),
    "number for a text": (HEAD, 'operator = "nobody"', "operator = 1"),
    "empty text": (HEAD, 'operator = "nobody"', 'operator = ""'),
    "text for a list": (HEAD + RULE, 'on = ["login"]', 'on = "login"'),
    "empty list": (HEAD + RULE, 'on = ["login"]', "on = []"),
    "kind twice": (HEAD + RULE, 'on = ["login"]', 'on = ["login", "login"]'),
    "text for a boolean": (HEAD + COIN, "expiry =", 'steals = "yes"\nexpiry ='),
    "number for a date": (HEAD + RULE, "points =", "valid_from = 2026\npoints ="),
    "date with a time": (HEAD + RULE, "points =", "valid_from = 2026-01-01T08:00:00\npoints ="),
    "table for a list": (HEAD, "[[tier]]", "[tier]"),
    "list for a table": (HEAD, "[confirm]", "[[confirm]]"),
    "source and assumed": (HEAD, 'value = 7, source = "S1"', 'value = 7, source = "S1", assumed = "x", range = [1, 9]'),
    "source and fitted": (HEAD, 'value = 7, source = "S1"', 'value = 7, source = "S1", fitted = "x"'),
    "no provenance": (HEAD, '{value = 7, source = "S1"}', "{value = 7}"),
    "assumed without range": (HEAD, '{value = 7, source = "S1"}', '{value = 7, assumed = "x"}'),
    "range without assumed": (HEAD, '{value = 7, source = "S1"}', '{value = 7, source = "S1", range = [1, 9]}'),
    "range of three": (HEAD, '{value = 7, source = "S1"}', '{value = 7, assumed = "x", range = [1, 7, 9]}'),
    "range of a text": (HEAD, '{value = 7, source = "S1"}', '{value = 7, assumed = "x", range = [1, "9"]}'),
    "unknown kind": (HEAD + RULE, '["login"]', '["logon"]'),
    "unknown kind that clears": (HEAD + SCORE, "points =", 'off = ["logout"]\npoints ='),
    "unknown per": (HEAD + RULE, "points =", 'per = "acts"\npoints ='),
    "standing rule of a currency": (HEAD + RULE, "points =", 'per = "level"\npoints ='),
    "unknown word": (HEAD + COIN, "expiry =", 'rounding = "up"\nexpiry ='),
    "unknown window": (HEAD + SCORE, '"trailing"', '"trailling"'),
    "negative value": (HEAD, "value = 7", "value = -7"),
    "negative end of a range": (HEAD, '{value = 7, source = "S1"}', '{value = 7, assumed = "x", range = [-1, 9]}'),
    "share above 1": (HEAD + COIN, "expiry =", 'redeem = {cap_order = {value = 1.5, source = "S1"}}\nexpiry ='),
    "multiple of none": (HEAD + COIN, "expiry =", 'redeem = {multiple = {value = 0, source = "S1"}}\nexpiry ='),
    "points in halves": (HEAD + RULE, "points = {value = 1,", "points = {value = 1.5,"),
    "days in halves": (HEAD, "value = 7", "value = 7.5"),
    "beyond every bound": (HEAD, "value = 7", "value = 1e13"),
    "missing table": (HEAD, '[confirm]\ndays = {value = 7, source = "S1"}\n', ""),
    "missing list": (HEAD, '[[tier]]\nname = "all"\n', ""),
    "missing key": (HEAD, 'settled = "monthly:1"\n', ""),
    "missing name": (HEAD, 'name = "all"', "to = {value = 9, source = 'S1'}"),
    "missing kinds": (HEAD + RULE, 'on = ["login"]\n', ""),
    "rhythm": (HEAD, 'settled = "monthly:1"', 'settled = "monthly:31"'),
    "no day of every year": (
        HEAD + COIN, 'kind = "never"', 'kind = "fixed_dates", dates = ["6-30"], pick = "next"'
    ),
    "week for a day": (HEAD + COIN, 'kind = "never"', 'kind = "fixed_dates", dates = ["W01-1"], pick = "next"'),
    "days of no expiry": (HEAD + COIN, 'kind = "never"', 'kind = "never", days = {value = 9, source = "S1"}'),
    "dates without pick": (HEAD + COIN, 'kind = "never"', 'kind = "fixed_dates", dates = ["06-30"]'),
    "expiry from nowhere": (HEAD + COIN, 'expiry = {kind = "never", source = "S1"}', 'expiry = {kind = "never"}'),
    "expiry from two": (HEAD + COIN, 'kind = "never"', 'kind = "never", assumed = "x"'),
    "points and rate": (HEAD + RULE, "points =", 'rate = {value = 1, source = "S1"}\npoints ='),
    "no points": (HEAD + RULE, 'points = {value = 1, source = "S1"}\n', ""),
    "points of a grant": (HEAD + RULE, "points =", 'per = "given"\npoints ='),
    "steps of a streak": (HEAD + RULE, "points =", 'per = "streak"\npoints ='),
    "step with two edges": (
        HEAD + RULE, "points =",
        'per = "streak"\nsteps = [{from = {value = 1, source = "S"}, above = {value = 1, source = "S"}, '
        'points = {value = 1, source = "S"}}]\n#',
    ),
    "step without edge": (
        HEAD + RULE, "points =", 'per = "streak"\nsteps = [{points = {value = 1, source = "S1"}}]\n#'
    ),
    "gate without edge": (HEAD + COIN, "expiry =", 'outlet = [{name = "gift", source = "S1", gate = {}}]\nexpiry ='),
    "fee with two edges": (
        HEAD + PLAN, "cny =", 'above = {value = 1, source = "S1"}\nfrom = {value = 1, source = "S1"}\ncny ='
    ),
    "benefit of nothing": (HEAD + BENEFIT, 'tier = "all"\n', ""),
    "benefit of two": (HEAD + BENEFIT, "tier =", 'from = {value = 1, source = "S1"}\ntier ='),
    "benefit from nowhere": (HEAD + BENEFIT, 'source = "S1"\n', ""),
    "price cut without rate": (HEAD + BENEFIT, 'rate = {value = 0.1, source = "S1"}\n', ""),
    "rate of a service": (HEAD + BENEFIT, '"price"', '"service"'),
    "unknown kind of benefit": (HEAD + BENEFIT, '"price"', '"prize"'),
    "unknown country": (HEAD + PLAN, "cny =", "country = 86\ncny ="),
    "reading of a number": (
        HEAD, "[[tier]]",
        '[readings]\nX1 = 1\n[[reading]]\nid = "X1"\nabout = "?"\n'
        '[[reading.choice]]\nname = "a"\nabout = "A"\n[[tier]]',
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_schema_and_reader_refuse(case):
    text, good, bad = BROKEN[case]
    broken = text.replace(good, bad, 1)
    assert broken != text
    assert error_of(tomllib.loads(broken)), "the schema takes it"
    said = message_of(broken)
    assert re.match(r"my\.toml(, line \d+)?: (`.+`|\[)", said) and "\n" not in said, said


def test_load_scheme_refuses_them_too(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(HEAD.replace("title", "titel"), encoding="utf-8")
    with pytest.raises(SchemeError, match=r"my\.toml, line 4: `titel` in \[scheme\].*did you mean `title`\?"):
        load_scheme(path)


# ---------------------------------------------------------------- what the reader takes, the schema takes
VALUES = [
    0, 1, -1, 2.5, 10**13, True, False, "", "daily", "order", "state", "2026-01-01", [], ["order"], [1, 2], {}, [{}]
]


def edit_once(tree: dict, draw: random.Random) -> str:
    """Change one place of a parsed file: delete a key or item, add a key, or put another value. Says what it did."""
    spots = [
        (node, key) for node in [*nodes_in(tree), *lists_in(tree)]
        for key in (node if isinstance(node, dict) else range(len(node)))
    ]
    node, key = draw.choice(spots)
    what = draw.choice(["delete", "add", "change", "scale", "copy"])
    if what == "delete":
        del node[key]
    elif what == "add" and isinstance(node, dict):
        key = draw.choice(["unknown", "value", "source", "assumed", "range", "per", "steps", "above", "from", "name"])
        node.setdefault(key, draw.choice(VALUES))
    elif what == "scale" and isinstance(node[key], int | float) and not isinstance(node[key], bool):
        node[key] = draw.choice([-node[key], node[key] / 3, node[key] * 1000, node[key] + 0.5, float(node[key])])
    elif what == "copy":
        node[key] = copy_tables(draw.choice(spots)[0])
    else:
        node[key] = draw.choice(VALUES)
    return f"{what} {key}"


def lists_in(tree: dict):
    """Every list of a tree."""
    for node in nodes_in(tree):
        for value in node.values():
            if isinstance(value, list):
                yield value


def write_inline(value) -> str:
    """A value as TOML on one line, whatever is wrong with it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {write_inline(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(write_inline, value))}]" if isinstance(value, list) else write_value(value)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_schema_never_refuses_what_the_reader_takes(name):
    draw, told = random.Random(20240607), {"both take": 0, "both refuse": 0, "reader alone refuses": 0}
    kept = pickle.dumps(tomllib.loads(TEXTS[name]))
    for _ in range(150):
        tree = pickle.loads(kept)                                # a copy, in a tenth of the time of reading it again
        what = edit_once(tree, draw)
        text = "".join(f"{json.dumps(key)} = {write_inline(value)}\n" for key, value in tree.items())
        assert tomllib.loads(text) == tree
        said, complaint = message_of(text), error_of(tree)
        assert said or not complaint, f"{name}: {what}: {complaint}"
        told["both take" if not said else "both refuse" if complaint else "reader alone refuses"] += 1
    assert told["both refuse"] > 5 * told["reader alone refuses"] and told["both take"] > 5, told

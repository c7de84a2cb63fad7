"""The second model by itself: published checks, the worked example and cases small enough for paper."""

import copy
import tomllib
from datetime import date, datetime
from pathlib import Path

import pytest

from .model import Customer, add_months, apply_readings, expiry_date, full_years, put, run, values
from .randomlog import number

SCHEMES = Path(__file__).parents[2] / "data" / "schemes"


def scheme(key, changes=(), **readings):
    """A parsed scheme file with values changed by path and readings applied."""
    folder = Path(__file__).parent if key == "features" else SCHEMES
    parsed = tomllib.loads((folder / f"{key}.toml").read_text(encoding="utf-8"))
    for path, value in dict(changes).items():
        put(parsed, path, value)
    return apply_readings(parsed, readings)


def row(when, kind, customer_id=1, **others):
    """An event; `when` is "2024-03-01" or "2024-03-01 09:30"."""
    return {"customer_id": customer_id, "time": datetime.fromisoformat(when), "kind": kind, **others}


def line(when, amount, order_id=1, item_id="a", **others):
    return row(when, "order", amount=amount, order_id=order_id, item_id=item_id, **others)


def short(result, *columns):
    """Entries as tuples: day, entry, points and further columns."""
    return [
        (entry["time"].date().isoformat(), entry["entry"], entry["points"], *(entry[c] for c in columns))
        for entry in result.entries
    ]


def refused(result):
    return [(r["kind"], r["points"], r["reason"]) for r in result.declined]


def at(rows, scheme, *days):
    return [r["score"] for r in values(rows, scheme, [date.fromisoformat(day) for day in days])]


# ------------------------------------------------------------------------------------------------ calendar


def test_twelve_months_clip_to_the_end_of_the_month():
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2023, 2, 28), 12) == date(2024, 2, 28)
    assert add_months(date(2024, 1, 1), -1) == date(2023, 12, 1)
    assert full_years(date(2024, 2, 29), date(2025, 2, 27)) == 0
    assert full_years(date(2024, 2, 29), date(2025, 2, 28)) == 1
    assert full_years(date(2024, 2, 29), date(2028, 2, 28)) == 3
    assert full_years(date(2024, 2, 29), date(2028, 2, 29)) == 4


@pytest.mark.parametrize(
    "pick, expected",
    {
        "first_after": {
            "2024-06-30": "2025-06-30",
            "2024-07-01": "2025-12-31",
            "2024-12-31": "2025-12-31",
            "2024-01-01": "2025-06-30",
            "2024-02-29": "2025-06-30",
        },
        "last_before": {
            "2024-06-30": "2025-06-30",
            "2024-07-01": "2025-06-30",
            "2024-12-31": "2025-12-31",
            "2024-12-30": "2025-06-30",
        },
        "next": {"2024-06-29": "2024-06-30", "2024-06-30": "2024-12-31", "2024-12-31": "2025-06-30"},
    }.items(),
)
def test_fixed_dates(pick, expected):
    expiry = {"kind": "fixed_dates", "dates": ["06-30", "12-31"], "pick": pick}
    for accrued_on, expires_on in expected.items():
        assert expiry_date(expiry, date.fromisoformat(accrued_on)) == date.fromisoformat(expires_on)


def test_beans_live_one_to_two_years_before_2026_and_180_days_from_then():
    beans = scheme("jd")
    rows = [
        row("2024-01-01", "grant", points=1),
        row("2024-12-31", "grant", points=2),
        row("2025-12-31 23:59", "grant", points=3),
        row("2026-01-01", "grant", points=4),
    ]
    ends = [entry["expires_on"] for entry in run(rows, beans).entries if entry["entry"] == "accrual"]
    assert ends == [date(2025, 12, 31), date(2025, 12, 31), date(2026, 12, 31), date(2026, 6, 30)]
    always = run(rows, scheme("jd", expiry="days_180")).entries
    assert [entry["expires_on"] for entry in always if entry["points"] > 0][0] == date(2024, 6, 29)


# -------------------------------------------------------------------------------------- published checks


@pytest.mark.parametrize("amount, granted", [(19.99, 0), (20.00, 1000), (39.99, 1000), (40.00, 2000)])
def test_half_of_an_order_in_thousands_of_beans(amount, granted):
    rows = [
        row("2024-01-01", "grant", points=5000),
        line("2024-02-01", amount),
        row("2024-02-01", "redeem", amount=amount, order_id=1, points=5000),
    ]
    result = run(rows, scheme("jd"))
    assert -sum(e["points"] for e in result.entries if e["entry"] == "redemption") == granted
    assert refused(result) == [("redeem", 5000 - granted, "cap")]


@pytest.mark.parametrize(
    "reading, amount, beans",
    [
        ("beans", 50.00, 0),
        ("beans", 50.01, 5),
        ("beans", 9999.99, 999),
        ("beans", 10000.00, 1000),
        ("beans", 20000.00, 1000),
        ("value", 50.00, 0),
        ("value", 50.01, 500),
        ("value", 99.99, 999),
        ("value", 100.00, 1000),
        ("value", 500.00, 1000),
    ],
)
def test_beans_of_an_item(reading, amount, beans):
    result = run([line("2024-01-01", amount)], scheme("jd", X15=reading, X28="order"))
    assert sum(entry["points"] for entry in result.entries) == beans


def test_account_part():
    def account(*rows):
        return values(list(rows), scheme("jd"), [date(2024, 2, 1)])[0]["account"]

    real_name = row("2024-01-01", "identity_verified", item_id="real_name")
    phone = row("2024-01-02", "identity_verified", item_id="phone")
    no_name = row("2024-01-03", "identity_revoked", item_id="real_name")
    no_phone = row("2024-01-04", "identity_revoked", item_id="phone")
    profile = row("2024-01-01", "profile_completed")
    wechat = row("2024-01-01", "account_bound")
    assert account(profile) == 20
    assert account(real_name) == account(phone) == account(real_name, phone) == 100
    assert account(real_name, phone, no_name) == 100
    assert account(real_name, phone, no_name, no_phone) == 0
    assert account(profile, wechat) == 40
    assert account(profile, wechat, real_name) == 140
    assert account(profile, profile, row("2024-01-05", "profile_cleared")) == 0
    assert account(row("2024-01-01", "account_bound", item_id="qq")) == 0
    assert account(wechat, row("2024-01-05", "account_unbound", item_id="wechat")) == 0
    assert account(row("2024-01-01", "identity_verified"), no_name) == 0
    assert account(row("2024-01-01", "identity_verified"), no_phone) == 100


@pytest.mark.parametrize(
    "score, tier, fee",
    [
        (200, "none", None),
        (201, "privileged", 198),
        (500, "privileged", 198),
        (501, "birthday", 198),
        (1000, "birthday", 198),
        (1001, "birthday", 188),
        (5001, "birthday", 168),
        (10000, "birthday", 168),
        (10001, "gift", 158),
        (20000, "gift", 158),
        (20001, "exchange", 148),
    ],
)
def test_bands_and_fees_of_jd(score, tier, fee):
    rows = [row("2024-01-02 23:00", "credit", points=score), row("2024-01-03", "login")]
    result = run(rows, scheme("jd"))
    assert [(r["settled_on"], r["tier"], r["change"]) for r in result.tiers] == [
        (date(2024, 1, 2), tier, "joined")
    ]
    assert [r["fee_cny"] for r in result.fees] == ([] if fee is None else [fee])
    lowest = run(rows, scheme("jd", X1="lowest")).fees
    assert [r["fee_cny"] for r in lowest] == (
        [] if fee is None else [158.0 if 1000 < score <= 20000 else fee]
    )


def test_88vip_price_at_the_edge():
    for score, fee in ((999, 888), (1000, 88), (1001, 88)):
        rows = [row("2024-01-08", "reputation", points=score), row("2024-01-09", "login")]
        changed = scheme("taobao", {"score.component.base.cap": 3000, "score.rule.reputation.points": 1})
        assert [r["fee_cny"] for r in run(rows, changed).fees] == [fee]


def test_base_score_is_at_most_400():
    rows = [row("2024-01-08", "reputation", points=50), row("2024-01-08", "identity_verified")]
    assert at(rows, scheme("taobao"), "2024-01-08") == [400]


def test_seats():
    changed = scheme(
        "taobao",
        {"score.component.base.cap": 9000, "score.rule.reputation.points": 1, "tier.apass.members_a_seat": 2},
    )
    rows = [
        row("2024-01-08", "reputation", customer_id=c, points=p)
        for c, p in {1: 2501, 2: 2600, 3: 2600, 4: 2500, 5: 9000}.items()
    ]
    rows += [
        row("2024-02-01", "reputation", customer_id=2, points=2502),
        row("2024-02-01", "reputation", customer_id=5, points=2500),
        row("2024-04-01", "login", customer_id=6),
        row("2024-05-09", "login", customer_id=6),
    ]
    assert [
        (r["customer_id"], r["settled_on"].month, r["tier"], r["change"]) for r in run(rows, changed).tiers
    ] == [
        (1, 1, "super", "joined"),
        (1, 4, "apass", "up"),  # a third seat with six members
        (2, 1, "apass", "joined"),  # the tie with 3; keeps its seat with less
        (3, 1, "super", "joined"),
        (3, 2, "apass", "up"),
        (4, 1, "super", "joined"),  # 2500 is not above 2500
        (5, 1, "apass", "joined"),
        (5, 2, "super", "down"),
        (6, 4, "ordinary", "joined"),
    ]
    assert not any(r["tier"] == "apass" for r in run(rows, scheme("taobao")).tiers)


# ------------------------------------------------------------------------- the worked example, section 10


def test_worked_example():
    rows = [
        row("2024-03-01", "grant", points=1500),
        line("2024-06-01", 8000, order_id=10),
        row("2024-09-01 10:00", "redeem", amount=60, order_id=11, points=1000),
        line("2024-09-01 10:00", 50, order_id=11),
        line("2024-10-01", 30, order_id=12),
        row("2025-02-01", "return", order_id=10, item_id="a"),
    ]
    changed = scheme("jd", {"returns.window_days": 365}, X28="order")
    result = run(rows, changed, until=datetime(2026, 1, 2))
    assert short(result, "lot_id", "balance") == [
        ("2024-03-01", "accrual", 1500, 1, 1500),
        ("2024-06-01", "accrual", 800, 2, 2300),
        ("2024-09-01", "redemption", -1000, 1, 1300),
        ("2025-02-01", "clawback", -800, 2, 500),
        ("2026-01-01", "expiry", -500, 1, 0),
    ]
    assert result.entries[-1]["time"] == datetime(2026, 1, 1)
    assert not result.declined
    assert refused(run(rows, scheme("jd", X28="order"))) == [("return", 0, "late")]


# ------------------------------------------------------------------------------------------- the score


def test_an_award_counts_for_twelve_months():
    rows = [row("2024-02-29", "photo_post")]
    assert at(rows, scheme("jd"), "2024-02-28", "2024-02-29", "2025-02-27", "2025-02-28") == [5, 5, 0]


def test_spend_new_category_three_days_and_tenure():
    rows = [line(f"2024-03-0{day} 12:00", 10, order_id=day, category="food") for day in (1, 2, 3, 4)]
    jd = scheme("jd")
    assert at(rows, jd, "2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04") == [12, 14, 46, 48]
    assert at(rows, jd, "2025-02-28", "2025-03-01", "2025-03-04", "2026-03-01") == [48, 56, 20, 40]


def test_a_category_is_new_again_after_twelve_months():
    rows = [
        line("2024-03-01", 1, category="food"),
        line("2025-02-28", 1, order_id=2, category="food"),
        line("2026-02-28", 1, order_id=3, category="food"),
        line("2026-02-28", 1, order_id=4),
    ]
    day = "2026-02-28"
    assert at(rows, scheme("jd"), day) == [10 + 20]  # tenure: one full year only
    assert at(rows, scheme("jd", X31="ever"), day) == [20]


def test_a_return_takes_the_amount_out_of_later_valuations_only():
    rows = [line("2024-03-01", 100, category="food"), row("2024-03-05", "return", order_id=1)]
    assert at(rows, scheme("jd"), "2024-03-04", "2024-03-05") == [30, 10]
    late = [rows[0], row("2024-08-29", "return", order_id=1)]
    assert at(late, scheme("jd"), "2024-08-29") == [30]
    exchanged = [rows[0], row("2024-03-05", "goods_exchange", order_id=1)]
    assert at(exchanged, scheme("jd"), "2025-03-04") == [40]  # 20 of the new line and 20 for a year
    assert at(exchanged, scheme("jd", X32="claw_back"), "2025-02-28", "2025-03-04") == [30, 20]


def test_caps_of_acts():
    rows = [row("2024-03-01", "share") for _ in range(5)] + [row("2024-03-02", "share")]
    assert at(rows, scheme("jd"), "2024-03-01", "2024-03-02") == [6, 8]
    assert at(rows, scheme("jd", {"score.rule.share.cap_month": 7}), "2024-03-02") == [7]
    assert at(rows, scheme("jd", {"score.rule.share.cap_year": 3}), "2024-03-02") == [3]


def test_taobao_score_by_hand():
    rows = [
        row("2024-01-01", "reputation", points=3),
        line("2024-01-02", 1999.99, order_id=1, category="c", shop="s", channel="taobao"),  # 99
        line("2024-01-02", 1999.99, order_id=1, item_id="b", category="d", shop="s"),  # 1: cap_order
        line("2024-01-02", 3000, order_id=2, category="c", shop="s"),  # 50: cap_day
        line("2024-01-03", 999, order_id=3, virtual=True),  # 19
        line("2024-01-04", 999, order_id=4, category="x", channel="jd"),  # not seen
        row("2024-01-05", "review", channel="jd"),
        row("2024-01-05", "review", channel="fliggy"),
    ]
    (only,) = values(rows, scheme("taobao"), [date(2024, 1, 8)])
    assert (only["shopping"], only["reward"], only["base"]) == (99 + 1 + 50 + 19, 10 + 10 + 3 + 3 + 3, 240)
    (more,) = values(rows, scheme("taobao", X30="multiplier"), [date(2024, 1, 8)])
    assert more["shopping"] == 100 + 50 + 20  # floor(99 x 1.15) = 113, then the caps
    assert more["reward"] == 11 + 11 + 3 + 3 + 3


def test_a_coupled_cap():
    changed = scheme(
        "taobao", {"score.component.shopping.cap_by.start": 50, "score.component.shopping.cap_by.slope": 0.1}
    )
    rows = [row("2024-01-01", "reputation", points=1), line("2024-01-01", 2000), row("2024-02-09", "login")]
    (first, second) = run(rows + [row("2024-02-01", "reputation", points=4)], changed).scores
    assert (first["shopping"], first["base"], first["settled_on"]) == (58, 80, date(2024, 1, 8))
    assert (second["shopping"], second["base"], second["settled_on"]) == (82, 320, date(2024, 2, 8))


def test_consecutive_months():
    rows = [line(f"2024-{month:02}-15", 1, order_id=month) for month in (1, 2, 3, 5, 6)]
    rows.append(line("2024-06-20", 1, order_id=7))
    assert at(rows, scheme("taobao"), "2024-12-08") == [3 * 6 + 15 * 3]


def test_score_rows():
    rows = [row("2024-01-01", "photo_post"), row("2025-01-05", "login", points=0)]
    days = [(r["settled_on"].isoformat(), r["score"]) for r in run(rows, scheme("jd")).scores]
    assert days == [("2024-01-01", 5), ("2025-01-01", 0)]  # the login's own day is not over
    assert run(rows, scheme("jd"), until=datetime(2024, 1, 1, 23)).scores == []
    assert len(run(rows, scheme("jd"), until=datetime(2024, 1, 2)).scores) == 1
    assert [r["score"] for r in run(rows, scheme("none")).scores] == [0]


def test_no_scheme():
    result = run(
        [
            line("2024-01-01", 100),
            row("2024-09-01", "return", order_id=1),
            row("2024-10-01", "redeem", amount=5, order_id=1, points=5),
        ],
        scheme("none"),
    )
    assert not (result.entries or result.declined or result.fees)
    assert [(r["settled_on"], r["tier"], r["change"]) for r in result.tiers] == [
        (date(2024, 1, 1), "none", "joined")
    ]


# ------------------------------------------------------------------------------------------- the ledger


def test_pending_until_confirmed():
    rows = [
        line("2024-01-01 09:00", 600),
        line("2024-01-01 10:00", 700, order_id=2),
        row("2024-01-05", "confirm", order_id=1, item_id="a", event_id="e"),
        row("2024-01-11", "confirm", order_id=2),
        row("2024-01-12", "confirm", order_id=1),
    ]
    result = run(rows, scheme("jd"))
    assert short(result, "lot_id", "event_id", "balance") == [
        ("2024-01-01", "pending", 60, None, None, 0),
        ("2024-01-01", "pending", 70, None, None, 0),
        ("2024-01-05", "release", -60, None, "e", 0),
        ("2024-01-05", "accrual", 60, 1, "e", 60),
        ("2024-01-11", "release", -70, None, None, 60),
        ("2024-01-11", "accrual", 70, 2, None, 130),
    ]
    assert result.entries[4]["time"] == datetime(2024, 1, 11)
    assert [e["accrued_on"] for e in result.entries] == [None] * 3 + [
        date(2024, 1, 5),
        None,
        date(2024, 1, 11),
    ]


def test_a_return_while_pending_and_a_confirmation_too_early():
    rows = [
        row("2024-01-01", "confirm", order_id=1),
        line("2024-01-01", 600),
        line("2024-01-01", 700, item_id="b"),
        row("2024-01-02", "return", order_id=1, item_id="a"),
        row("2024-01-03", "confirm", order_id=1),
        row("2024-02-01", "login"),
    ]
    assert short(run(rows, scheme("jd"))) == [
        ("2024-01-01", "pending", 60),
        ("2024-01-01", "pending", 70),
        ("2024-01-02", "release", -60),
        ("2024-01-03", "release", -70),
        ("2024-01-03", "accrual", 70),
    ]


def test_coins_then_tmall_points_line_by_line():
    rows = [
        line("2024-01-01", 100, channel="tmall"),
        line("2024-01-01", 200, item_id="b", channel="tmall"),
        row("2024-01-02", "confirm", order_id=1),
    ]
    result = run(rows, scheme("taobao"))
    assert short(result, "currency", "funded_by")[4:] == [
        ("2024-01-02", "release", -50, "coins", "merchant"),
        ("2024-01-02", "accrual", 50, "coins", "merchant"),
        ("2024-01-02", "release", -50, "tmall_points", "platform"),
        ("2024-01-02", "accrual", 50, "tmall_points", "platform"),
        ("2024-01-02", "release", -100, "coins", "merchant"),
        ("2024-01-02", "accrual", 100, "coins", "merchant"),
        ("2024-01-02", "release", -100, "tmall_points", "platform"),
        ("2024-01-02", "accrual", 100, "tmall_points", "platform"),
    ]


def test_a_null_channel_is_the_first_of_the_score():
    rows = [line("2024-01-01", 100)]
    assert {e["currency"] for e in run(rows, scheme("taobao")).entries} == {"coins"}
    changed = scheme("taobao")
    changed["score"]["channels"] = ["tmall", "taobao"]
    assert {e["currency"] for e in run(rows, changed).entries} == {"coins", "tmall_points"}


def test_streak():
    rows = [row(f"2024-01-{day:02}", "check_in") for day in (1, 2, 3, 3, 4, 5, 6, 7, 9)]
    assert [e["points"] for e in run(rows, scheme("jd")).entries] == [5, 5, 10, 10, 10, 10, 20, 5]


def test_beans_of_a_review_follow_the_line():
    rows = [
        row("2024-01-01", "review", order_id=1),
        line("2024-01-01", 100),
        line("2024-01-01", 500, item_id="b"),
        row("2024-01-02", "review", order_id=1, item_id="b"),
        row("2024-01-02", "review", order_id=1),
        row("2024-01-02", "review", order_id=1, item_id="c"),
        row("2024-01-02", "review"),
    ]
    entries = [e for e in run(rows, scheme("jd")).entries if e["entry"] == "accrual"]
    assert [e["points"] for e in entries] == [10, 20, 15, 10, 10]


def test_soonest_expiry_first_then_oldest():
    rows = [
        row("2025-12-30", "grant", points=10),
        row("2025-12-31", "grant", points=20),
        row("2026-01-01", "grant", points=30),
        row("2026-01-02", "penalty", points=45),
        row("2026-01-03", "penalty", points=45),
    ]
    result = run(rows, scheme("jd"))
    assert short(result, "lot_id", "funded_by")[3:] == [
        ("2026-01-02", "penalty", -30, 3, "customer"),
        ("2026-01-02", "penalty", -10, 1, "customer"),
        ("2026-01-02", "penalty", -5, 2, "customer"),
        ("2026-01-03", "penalty", -15, 2, "customer"),
    ]
    assert refused(result) == [("penalty", 30, "shortfall")]


def test_reasons_of_a_redemption():
    def reasons(have, *requests, amount=100, **others):
        rows = [row("2024-01-01", "grant", points=have), line("2024-01-01", 1)]
        rows += [
            row("2024-01-02", "redeem", amount=amount, order_id=1, points=points, **others)
            for points in requests
        ]
        return refused(run(rows, scheme("jd")))

    assert reasons(6000, 5000) == []
    assert reasons(6000, 5500) == [("redeem", 500, "cap")]
    assert reasons(6000, 4500) == [("redeem", 500, "multiple")]
    assert reasons(3500, 4000) == [("redeem", 1000, "balance")]
    assert reasons(5000, 6000) == [("redeem", 1000, "balance")]  # a tie with the cap
    assert reasons(9000, 3000, 3000) == [("redeem", 1000, "cap")]  # cumulative over the order
    assert reasons(500, 400) == [("redeem", 400, "multiple")]


def test_shops_and_currencies_that_take_no_points():
    rows = [
        row("2024-01-01", "grant", points=1000),
        line("2024-01-01", 1),
        row("2024-01-02", "redeem", amount=10, order_id=1, points=90, shop="no_coins"),
        row("2024-01-02", "redeem", amount=10, order_id=1, points=90, shop="any"),
        row("2024-01-02", "redeem", amount=10, order_id=1, points=500, shop="half_coins"),
        row("2024-01-02", "redeem", amount=10, order_id=1, points=7, currency="tmall_points"),
    ]
    result = run(rows, scheme("taobao"))
    assert refused(result) == [
        ("redeem", 90, "not_offered"),
        ("redeem", 90, "cap"),
        ("redeem", 7, "not_offered"),
    ]
    assert [e["points"] for e in result.entries if e["entry"] == "redemption"] == [-90, -410]


def test_outlets():
    rows = [
        row("2024-01-01", "grant", points=1000),
        row("2024-01-02", "exchange", points=10),
        row("2024-01-02", "exchange", points=10, item_id="lottery"),
        row("2024-01-02", "exchange", points=10, item_id="coupon"),
        row("2024-01-02", "courier_gift", points=9),
        row("2024-01-02", "exchange", points=2000, item_id="coupon"),
        row("2024-01-02", "credit", points=20000),
        row("2024-01-03", "exchange", points=11, item_id="external"),
        row("2024-01-03", "exchange", points=12, item_id="a bicycle"),
    ]
    result = run(rows, scheme("jd"))
    assert refused(result) == [
        ("exchange", 10, "gate"),
        ("exchange", 10, "not_offered"),
        ("exchange", 2000, "balance"),
    ]
    assert short(result, "outlet")[1:] == [
        ("2024-01-02", "redemption", -10, "coupon"),
        ("2024-01-02", "redemption", -9, "gift"),
        ("2024-01-03", "redemption", -11, "external"),
        ("2024-01-03", "redemption", -12, "exchange"),
    ]
    inside = run(rows, scheme("jd", X14="internal"))
    assert refused(inside)[-1] == ("exchange", 11, "not_offered")


def test_a_gate_waits_for_the_settlement():
    rows = [
        row("2024-01-01", "grant", points=100),
        row("2024-01-03", "credit", points=30000),
        row("2024-02-02", "exchange", points=5),
        row("2024-02-03", "exchange", points=6),
    ]
    assert refused(run(rows, scheme("jd"))) == [("exchange", 5, "gate")]
    assert refused(run(rows, scheme("jd", X3="daily"))) == []


def test_a_partial_return_gives_back_by_amount_in_the_order_taken():
    rows = [
        row("2024-01-01", "grant", points=700),
        row("2025-01-01", "grant", points=5000),
        line("2025-01-02", 10, item_id="a"),
        line("2025-01-02", 20, item_id="b"),
        line("2025-01-02", 5, item_id="c"),
        row("2025-01-02", "redeem", amount=40, order_id=1, points=1000),
        row("2025-01-03", "return", order_id=1, item_id="b"),
        row("2025-01-04", "return", order_id=1),
    ]
    result = run(rows, scheme("jd"))
    assert short(result, "lot_id", "outlet", "balance")[2:] == [
        ("2025-01-02", "redemption", -700, 1, "order", 5000),
        ("2025-01-02", "redemption", -300, 2, "order", 4700),
        ("2025-01-03", "reinstatement", 500, 1, "order", 5200),
        ("2025-01-04", "reinstatement", 200, 1, "order", 5400),
        ("2025-01-04", "reinstatement", 50, 2, "order", 5450),
        ("2025-01-04", "reinstatement", 250, 2, "order", 5700),
    ]


def test_an_expired_part_is_declined():
    rows = [
        row("2024-01-01", "grant", points=700),
        row("2025-01-01", "grant", points=300),
        line("2025-12-20", 30),
        row("2025-12-20", "redeem", amount=30, order_id=1, points=1000),
        row("2026-01-01", "return", order_id=1),
    ]
    result = run(rows, scheme("jd"))
    assert refused(result) == [("return", 700, "expired")]
    assert short(result, "lot_id")[-1] == ("2026-01-01", "reinstatement", 300, 2)
    in_time = run(rows[:-1] + [row("2025-12-31 23:59", "return", order_id=1)], scheme("jd"))
    assert not in_time.declined


def test_clawback_own_lot_first_then_soonest_then_deficit():
    rows = [
        row("2024-01-01", "grant", points=30),
        line("2024-01-02", 1000),
        row("2024-01-03", "grant", points=40),
        row("2024-01-20", "penalty", points=60),
        row("2024-01-21", "return", order_id=1),
        row("2024-01-22", "grant", points=25),
    ]
    result = run(rows, scheme("jd"))
    assert short(result, "lot_id", "balance")[4:] == [
        ("2024-01-12", "accrual", 100, 3, 170),
        ("2024-01-20", "penalty", -30, 1, 140),
        ("2024-01-20", "penalty", -30, 2, 110),
        ("2024-01-21", "clawback", -100, 3, 10),
        ("2024-01-22", "accrual", 25, 4, 35),
    ]


def test_deficit_and_clamp():
    rows = [
        line("2024-01-02", 1000),
        row("2024-01-20", "penalty", points=90),
        row("2024-01-21", "return", order_id=1),
        row("2024-01-22", "grant", points=25),
        row("2024-01-22", "penalty", points=1),
        row("2024-01-23", "grant", points=70),
    ]
    owed = run(rows, scheme("jd"))
    assert short(owed, "lot_id", "funded_by", "balance")[4:] == [
        ("2024-01-21", "clawback", -10, 1, "platform", 0),
        ("2024-01-21", "clawback", -90, None, "platform", -90),
        ("2024-01-22", "accrual", 25, 2, "platform", -65),
        ("2024-01-23", "accrual", 70, 3, "platform", 5),
    ]
    forgiven = run(rows, scheme("jd", X16="clamp"))
    assert short(forgiven, "lot_id", "balance")[4:] == [
        ("2024-01-21", "clawback", -10, 1, 0),
        ("2024-01-22", "accrual", 25, 2, 25),
        ("2024-01-22", "penalty", -1, 2, 24),
        ("2024-01-23", "accrual", 70, 3, 94),
    ]


def test_the_deficit_of_merchant_coins_is_the_merchants():
    rows = [
        line("2024-01-02", 100),
        row("2024-01-20", "stolen", order_id=9, points=70),
        row("2024-01-21", "return", order_id=1),
    ]
    assert short(run(rows, scheme("taobao", X16="clamp")), "lot_id", "funded_by", "balance")[3:] == [
        ("2024-01-20", "transfer_out", -50, 1, "merchant", 0),
        ("2024-01-20", "transfer_out", -20, None, "platform", -20),
    ]
    assert short(run(rows, scheme("taobao")), "lot_id", "funded_by", "balance")[5:] == [
        ("2024-01-21", "clawback", -50, None, "merchant", -70)
    ]


def test_steals_move_coins():
    rows = [
        row("2024-01-01", "grant", points=30, customer_id=2),
        row("2024-01-02", "steal", points=8, order_id=5, currency="tmall_points"),
        row("2024-01-02", "stolen", points=8, order_id=5, customer_id=2),
    ]
    result = run(rows, scheme("taobao"))
    assert short(result, "customer_id", "currency", "lot_id") == [
        ("2024-01-02", "transfer_in", 8, 1, "coins", 1),
        ("2024-01-01", "accrual", 30, 2, "coins", 1),
        ("2024-01-02", "transfer_out", -8, 2, "coins", 1),
    ]
    assert not run(rows[1:], scheme("jd")).entries


def test_exchange_of_goods():
    rows = [
        line("2024-01-01", 600),
        row("2024-01-12", "goods_exchange", order_id=1, item_id="a", event_id="x"),
        row("2024-01-13", "return", order_id=1),
        row("2024-02-01", "login"),
    ]
    both = run(rows, scheme("jd"))
    assert short(both, "lot_id", "event_id")[2:] == [
        ("2024-01-11", "accrual", 60, 1, None),
        ("2024-01-12", "clawback", -60, 1, "x"),
        ("2024-01-12", "pending", 60, None, "x"),
        ("2024-01-13", "release", -60, None, None),
    ]
    only = run(rows, scheme("jd", X32="claw_back"))
    assert short(only)[2:] == [("2024-01-11", "accrual", 60), ("2024-01-12", "clawback", -60)]
    late = run([line("2024-01-01", 600), row("2024-08-01", "goods_exchange", order_id=1)], scheme("jd"))
    assert refused(late) == [("goods_exchange", 0, "late")]


def test_half_even():
    rows = [
        line("2024-01-01", 65, order_id=1),
        line("2024-01-01", 75, order_id=2),
        line("2024-01-01", 65.01, order_id=3),
    ]
    assert [e["points"] for e in run(rows, scheme("jd", X28="order")).entries] == [6, 7, 6]
    assert [e["points"] for e in run(rows, scheme("jd", X28="order", X23="half_even")).entries] == [6, 8, 7]


# ----------------------------------------------------------------------------------------- time and order


def test_at_midnight_expiries_then_confirmations_then_events():
    rows = [
        row("2024-01-01", "grant", points=5),
        line("2025-12-22", 600),
        row("2026-01-01", "exchange", points=60, item_id="coupon"),
    ]
    assert short(run(rows, scheme("jd")), "lot_id", "balance")[2:] == [
        ("2026-01-01", "expiry", -5, 1, 0),
        ("2026-01-01", "release", -60, None, 0),
        ("2026-01-01", "accrual", 60, 2, 60),
        ("2026-01-01", "redemption", -60, 2, 0),
    ]


def test_input_order_decides_at_one_instant():
    rows = [
        row("2024-01-01", "exchange", points=5, item_id="coupon"),
        row("2024-01-01", "grant", points=5),
        row("2024-01-01", "exchange", points=5, item_id="coupon"),
    ]
    assert refused(run(rows, scheme("jd"))) == [("exchange", 5, "balance")]


def test_a_cut_log_is_the_start_of_the_whole_one():
    rows = [
        row("2024-01-01", "grant", points=5),
        line("2024-03-01", 600),
        row("2024-03-02", "return", order_id=1),
        line("2025-12-22", 600, order_id=2),
    ]
    whole = run(rows, scheme("jd"), until=datetime(2026, 2, 1)).entries
    for until in (datetime(2024, 3, 1), datetime(2025, 12, 31, 23, 59), datetime(2026, 1, 1)):
        cut = run(rows, scheme("jd"), until=until).entries
        assert cut == [entry for entry in whole if entry["time"] <= until]
    assert [e["points"] for e in whole][-3:] == [-5, -60, 60]


def test_a_row_twice_counts_once():
    rows = [row("2024-01-01", "grant", points=5, event_id=7)] * 2
    assert len(run(rows, scheme("jd")).entries) == 1


def test_the_shortcut_over_quiet_days_changes_nothing(monkeypatch):
    rows = [
        line("2023-02-28", 100, category="a"),
        row("2023-05-01", "login"),
        line("2024-02-29", 50, order_id=2),
        row("2024-03-01", "return", order_id=2),
        row("2026-05-01", "login"),
    ]
    quick = run(rows, scheme("jd")).scores
    every_day = {
        date.fromordinal(n) for n in range(date(2023, 1, 1).toordinal(), date(2026, 6, 1).toordinal())
    }
    monkeypatch.setattr(Customer, "days_of_change", lambda self, last_year: every_day)
    assert run(rows, scheme("jd")).scores == quick


def test_readings_start_from_the_file():
    assert apply_readings(copy.deepcopy(scheme("jd", X28="order")), {})["readings"]["X28"] == "confirm"
    assert scheme("jd", X15="value")["currency"][0]["earn"][0]["rate"] == {"value": 10, "source": "F4"}


# ------------------------------------------------------------- words that only the file of features uses


def test_a_new_price_list_changes_the_quote_without_a_new_score():
    rows = [row("2024-03-01", "reputation", points=6), row("2025-03-01", "login")]
    fees = [(r["settled_on"], r["plan"], r["fee_cny"]) for r in run(rows, scheme("features")).fees]
    assert fees == [
        (date(2024, 3, 1), "plan_a", 99.5),
        (date(2024, 3, 1), "plan_b", 10.0),
        (date(2025, 1, 1), "plan_a", 79.0),
    ]


def test_a_price_unknown_and_known_again():
    rows = [row("2024-03-01", "reputation", points=3)]
    rows += [row("2024-03-05", "reputation", points=1), row("2024-03-08", "reputation", points=3)]
    fees = [
        r for r in run(rows, scheme("features"), until=datetime(2024, 4, 1)).fees if r["plan"] == "plan_b"
    ]
    assert [(r["settled_on"].day, r["fee_cny"]) for r in fees] == [(1, 10.0), (8, 10.0)]


def test_dated_rules():
    rows = [line(day, 100, order_id=day) for day in ("2024-02-28", "2024-02-29", "2026-06-30", "2026-07-01")]
    middle = [r["middle"] for r in values(rows, scheme("features"), [r["time"].date() for r in rows])]
    assert middle == [0, 2, 2, 2]


def test_an_item_without_a_name_is_the_main_one_of_the_first_rule():
    features = scheme("features")
    rows = [row("2024-01-01", "account_bound"), row("2024-01-02", "identity_verified", item_id="phone")]
    rows += [
        row("2024-01-03", "account_unbound", item_id="qq"),
        row("2024-01-04", "identity_revoked", item_id="phone"),
    ]
    assert at(rows, features, "2024-01-01", "2024-01-03", "2024-01-04") == [50, 50, 0]
    state = {"component": "credit", "on": ["account_bound"], "per": "state", "points": number(1), "window": "state"}
    rules = [state | {"name": "any account"}, state | {"name": "qq", "items": ["qq", "wechat"]}]
    assert at(rows, small(score={"component": [{"name": "credit"}], "rule": rules}), "2024-01-01") == [2]


def test_tmall_rules_do_not_see_lines_without_a_channel():
    lines = [line("2024-01-01", 10), line("2024-01-01", 10, order_id=2, channel="tmall")]
    posted = short(run(lines, scheme("features", X28="order")), "currency", "order_id")
    assert [entry for entry in posted if entry[3] == "third"] == [("2024-01-01", "accrual", 5, "third", 2)]


def test_half_even_caps_and_boosts():
    rows = [
        row("2024-03-01", "reputation", points=5),
        line("2024-03-02", 50),
        line("2024-03-02", 1000, order_id=2),
    ]
    entries = run(rows, scheme("features", X28="order")).entries
    assert [e["points"] for e in entries if e["funded_by"] == "customer"] == [12, 250]  # 12.5 to even
    (only,) = values(rows, scheme("features"), [date(2024, 3, 2)])
    assert only["root"] == 75 + 7 + 150  # level, 0.15 of 50, cap_line
    assert only["middle"] == 1 + 37  # floor(1 x 1.5) and floor(25 x 1.5)


# ------------------------------------------------------------- newer words, each in a scheme for paper


def small(heading=(), coin=(), **tables):
    """A score that is the credit level, three tiers, and coins: 10 for a login, and what is granted."""
    credit = {"name": "credit", "component": "credit", "on": ["credit"], "per": "level", "window": "state"}
    login = {"name": "login", "on": ["login"], "points": number(10)}
    earn = [login, {"name": "grant", "on": ["grant"], "per": "given"}]
    coins = {"name": "coin", "value_cny": number(0.01), "expiry": {"kind": "never"}, "earn": earn}
    return {
        "scheme": {"key": "small", "scored": "daily", "settled": "daily"} | dict(heading),
        "returns": {"window_days": number(30)},
        "confirm": {"days": number(7)},
        "score": {"component": [{"name": "credit"}], "rule": [credit | {"points": number(1)}]},
        "tier": [{"name": "low"}, {"name": "middle", "from": number(10)}, {"name": "high", "from": number(20)}],
        "currency": [coins | dict(coin)],
    } | tables


def settled(rows):
    return [(r["settled_on"].isoformat(), *(r[c] for c in ("score", "tier", "fee_cny") if c in r)) for r in rows]


OF_MARCH = {"valid_from": date(2024, 3, 1), "valid_until": date(2024, 3, 10)}


def test_a_scheme_pays_from_its_first_day_to_its_last():
    days = ("2024-02-29 23:59", "2024-03-01", "2024-03-10 23:59", "2024-03-11")
    result = run([row(day, "login") for day in days], small(OF_MARCH))
    assert short(result) == [("2024-03-01", "accrual", 10), ("2024-03-10", "accrual", 10)]


def test_nothing_is_settled_before_a_scheme_begins_or_after_it_ends():
    plan = [{"name": "card", "fee": [{"cny": number(9)}, {"from": number(10), "cny": number(5)}]}]
    rows = [row("2024-02-20", "login"), row("2024-02-20", "credit", points=30), row("2024-03-05", "credit", points=10),
            row("2024-03-11", "credit", points=20), row("2024-03-11", "login", customer_id=2)]
    result = run(rows, small(OF_MARCH, plan=plan), until=datetime(2024, 5, 1))
    assert settled(result.scores) == [("2024-03-01", 0), ("2024-03-05", 10)]     # the level of February never counts
    assert settled(result.tiers) == [("2024-03-01", "low"), ("2024-03-05", "middle")]
    assert settled(result.fees) == [("2024-03-01", 9.0), ("2024-03-05", 5.0)]
    monthly = small({"scored": "monthly:8", "settled": "monthly:8"} | OF_MARCH)
    assert settled(run(rows, monthly, until=datetime(2024, 5, 1)).tiers) == [("2024-03-08", "middle")]


def test_a_tier_raises_what_is_earned_from_the_day_after_its_settlement():
    rule = {"name": "login", "on": ["login"], "points": number(14), "boost_by_tier": number(0.25)}
    rows = [row("2024-01-01", "credit", points=10), row("2024-01-01", "login"), row("2024-01-02", "login"),
            row("2024-01-02", "credit", points=20), row("2024-01-03", "login")]
    boosted = {rounding: [e["points"] for e in run(rows, small(coin={"earn": [rule], "rounding": rounding})).entries]
               for rounding in ("floor", "half_even")}
    assert boosted == {"floor": [14, 17, 21], "half_even": [14, 18, 21]}         # 14 x 1.25 = 17.5, 14 x 1.5 = 21


def test_an_idle_account_loses_all_its_points():
    coin = {"expiry": {"kind": "inactivity_days", "days": number(30)}}
    rows = [row("2024-01-01", "grant", points=5), row("2024-01-31 12:00", "login"),
            row("2024-02-20", "penalty", points=1), row("2024-03-01", "exchange", points=99),
            row("2024-03-02", "login")]
    result = run(rows, small(coin=coin), until=datetime(2024, 4, 1))
    assert short(result, "lot_id", "expires_on") == [
        ("2024-01-01", "accrual", 5, 1, None),
        ("2024-01-31", "accrual", 10, 2, None),          # the 30th day: just in time
        ("2024-02-20", "penalty", -1, 1, None),          # neither a penalty nor a refusal is activity
        ("2024-03-02", "expiry", -4, 1, None),           # 30 days after 31 January are over
        ("2024-03-02", "expiry", -10, 2, None),
        ("2024-03-02", "accrual", 10, 3, None),
    ]


def test_what_is_spent_and_what_comes_back_keep_an_account_alive():
    coin = {"expiry": {"kind": "inactivity_days", "days": number(30)}, "redeem": {}}
    rows = [row("2024-01-01", "grant", points=5), line("2024-01-20", 10),
            row("2024-01-20", "redeem", amount=10, order_id=1, points=2), row("2024-02-18", "return", order_id=1)]
    result = run(rows, small(coin=coin), until=datetime(2024, 4, 1))
    assert short(result)[1:] == [
        ("2024-01-20", "redemption", -2), ("2024-02-18", "reinstatement", 2), ("2024-03-20", "expiry", -5),
    ]


def test_a_price_makes_pieces_and_refusals_have_an_order():
    outlets = [{"name": "exchange", "price": number(10), "gate": {"from": number(20)}},
               {"name": "coupon", "price": number(10), "offered": False}]
    rows = [row("2024-01-01", "grant", points=25), row("2024-01-01", "exchange", points=15, item_id="coupon"),
            row("2024-01-01", "exchange", points=15), row("2024-01-01", "credit", points=20),
            row("2024-01-02", "exchange", points=35), row("2024-01-02", "exchange", points=30),
            row("2024-01-02", "exchange", points=20)]
    result = run(rows, small(coin={"outlet": outlets}))
    assert refused(result) == [("exchange", 15, "not_offered"), ("exchange", 15, "gate"), ("exchange", 35, "multiple"),
                               ("exchange", 30, "balance")]
    assert short(result, "outlet")[1:] == [("2024-01-02", "redemption", -20, "exchange")]


STAMPS = {"name": "exchange", "price": number(10), "automatic": True}


def test_pieces_buy_themselves_at_the_end_of_an_event_and_at_midnight():
    stamp = {"name": "stamp", "on": ["order"], "points": number(10), "accrues": "confirm"}
    earn = [stamp, {"name": "grant", "on": ["grant"], "per": "given"}]
    rows = [row("2024-01-01", "grant", points=25, event_id="a"), row("2024-01-02", "grant", points=6, event_id="b"),
            line("2024-01-03", 1, event_id="c")]
    result = run(rows, small(coin={"outlet": [STAMPS], "earn": earn}), until=datetime(2024, 1, 10))
    bought = [entry for entry in result.entries if entry["entry"] == "redemption"]
    assert [(e["time"].day, e["points"], e["lot_id"], e["event_id"], e["balance"]) for e in bought] == [
        (1, -20, 1, "a", 5), (2, -5, 1, "b", 6), (2, -5, 2, "b", 1),             # two lots make the second piece
        (10, -1, 2, None, 10), (10, -9, 3, None, 1),                             # confirmed 7 days after the order
    ]
    assert {(e["outlet"], e["order_id"]) for e in bought} == {("exchange", None)}


def test_pieces_wait_for_the_gate_and_for_an_offer():
    gated = STAMPS | {"gate": {"above": number(5)}}
    rows = [row("2024-01-01", "grant", points=10), row("2024-01-05", "credit", points=6)]
    until = datetime(2024, 1, 9)
    assert short(run(rows, small(coin={"outlet": [gated]}), until), "order_id")[1:] == [
        ("2024-01-06", "redemption", -10, None)                                  # 00:00 after the settlement of the 5th
    ]
    assert len(run(rows, small(coin={"outlet": [STAMPS | {"offered": False}]}), until).entries) == 1


def test_a_plan_has_the_fees_of_its_country():
    fees = [{"country": "CN", "cny": number(88)}, {"country": "JP", "cny": number(300)}, {"cny": number(7)},
            {"country": "CN", "from": number(10), "cny": number(66)}]
    plans = [{"name": "cn", "country": "CN", "months": number(1), "fee": fees}, {"name": "any", "fee": fees}]
    rows = [row("2024-01-01", "login"), row("2024-01-02", "credit", points=10), row("2024-01-03", "login")]
    found = [(r["settled_on"].day, r["plan"], r["fee_cny"]) for r in run(rows, small(plan=plans)).fees]
    assert found == [(1, "cn", 88.0), (1, "any", 7.0), (2, "cn", 66.0)]


def test_a_reading_takes_out_after_it_sets():
    choice = {"name": "open", "set": {"currency.coin.earn.login.cap_day": number(10), "returns.window_days": 9},
              "unset": ["currency.coin.earn.login.cap_day", "tier.0", "tier.1", "score"]}
    file = small(readings={"R": "as_written"}, reading=[{"id": "R", "choice": [{"name": "as_written"}, choice]}])
    assert apply_readings(file, {})["tier"] == file["tier"]
    opened = apply_readings(file, {"R": "open"})
    assert "score" not in opened and opened["returns"]["window_days"]["value"] == 9
    assert opened["currency"] == file["currency"] and opened["tier"] == file["tier"][2:]     # as counted before
    assert "score" in file and len(file["tier"]) == 3


def test_earn_rules_need_no_name():
    earn = [{"on": ["login"], "points": number(3), "cap_day": number(3)}, {"on": ["login"], "points": number(4)}]
    rows = [row("2024-01-01", "login"), row("2024-01-01", "login")]
    assert [e["points"] for e in run(rows, small(coin={"earn": earn})).entries] == [3, 4, 4]
    first = {"id": "R", "choice": [{"name": "a"}, {"name": "b", "unset": ["currency.coin.earn.0"]}]}
    file = small(coin={"earn": earn}, readings={"R": "a"}, reading=[first])
    assert apply_readings(file, {"R": "b"})["currency"][0]["earn"] == earn[1:]


def test_a_currency_owes_unless_it_says_otherwise():
    rows = [line("2024-01-01", 100), row("2024-01-02", "penalty", points=9), row("2024-01-03", "return", order_id=1)]
    earn = [{"name": "spend", "on": ["order"], "rate": number(0.1)}]
    assert [e["balance"] for e in run(rows, small(coin={"earn": earn})).entries] == [10, 1, 0, -9]

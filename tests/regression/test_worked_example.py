"""The worked example of the definitions (section 10) to the digit, and the checks that the sources' numbers imply."""
from __future__ import annotations

import math
import re
from datetime import date
from itertools import chain, combinations

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.dates import fixed_date_expiry
from loyalty_research.membership import plan_fee
from loyalty_research.tiers import invite, list_benefits

from ..properties.logs import make_log

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")
EXAMPLE = JD.with_readings(X28="order").with_values({"returns.window_days": 365})
MINIMUM, CAP_SHARE, VALUE_FEN = 1000, 0.5, 1
ROWS = [
    {"time": "2024-03-01", "kind": "grant", "points": 1500},
    {"time": "2024-06-01", "kind": "order", "order_id": 1, "amount": 8000},
    {"time": "2024-09-01", "kind": "redeem", "order_id": 2, "amount": 60, "points": 1000},
    {"time": "2024-09-01", "kind": "order", "order_id": 2, "amount": 50},
    {"time": "2024-10-01", "kind": "order", "order_id": 3, "amount": 30},
    {"time": "2025-02-01", "kind": "return", "order_id": 1}]


def example(until: str) -> lr.Ledger:
    return lr.ledger(make_log(ROWS), EXAMPLE, until=until)


def flow(entries: pd.DataFrame, *words: str) -> int:
    """Points that entries of some kinds moved, without sign."""
    return int(entries.loc[entries["entry"].isin(words), "points"].abs().sum())


# --------------------------------------------------------------------------------------- section 10, rows


def test_entries_of_the_worked_example():
    entries = example("2026-01-02").entries
    rows = list(zip(entries["time"].astype("str"), entries["entry"].astype("str"), entries["points"], entries["lot_id"],
                    entries["expires_on"].astype("str"), entries["balance"], strict=True))
    assert rows == [
        ("2024-03-01", "accrual", 1500, 1, "2025-12-31", 1500), ("2024-06-01", "accrual", 800, 2, "2025-12-31", 2300),
        ("2024-09-01", "redemption", -1000, 1, "2025-12-31", 1300),
        ("2025-02-01", "clawback", -800, 2, "2025-12-31", 500),
        ("2026-01-01", "expiry", -500, 1, "2025-12-31", 0)]
    assert entries["order_id"].tolist() == [pd.NA, 1, 2, 1, pd.NA]
    assert entries["outlet"].tolist()[2] == "order" and entries["outlet"].isna().sum() == 4
    assert entries["funded_by"].eq("platform").all()
    assert example("2026-01-02").declined.empty


def test_without_a_longer_window_the_return_is_late():
    """The return lies 245 days after its order: 180 days refuse it, so the example needs the window of 365."""
    ledger = lr.ledger(make_log(ROWS), JD.with_readings(X28="order"), until="2026-01-02")
    assert ledger.declined[["kind", "points", "reason", "order_id"]].to_numpy().tolist() == [["return", 0, "late", 1]]
    assert ledger.entries["entry"].tolist() == ["accrual", "accrual", "redemption", "expiry", "expiry"]


# ----------------------------------------------------------------------------------- section 10, measures


def test_measures_at_the_end_of_2024():
    """A=2300 R=1000 O+=1300, BURN=.435, SF=15.6 months, STR=0."""
    ledger = example("2025-01-01")
    entries = ledger.entries[ledger.entries["time"] < "2025-01-01"]
    accrued, redeemed = flow(entries, "accrual"), flow(entries, "redemption")
    outstanding = int(ledger.lots("2024-12-31 23:59:59.999999")["points"].sum())
    assert (accrued, redeemed, outstanding) == (2300, 1000, 1300)
    assert round(redeemed / accrued, 3) == 0.435
    assert math.isclose(12 * outstanding / redeemed, 15.6)
    assert ledger.balances("2025-01-01")["balance"].tolist() == [1300]          # at least 1000: nothing is stranded
    year = ledger.outstanding("Y").iloc[0]
    assert (year["points_issued"], year["points_redeemed"], year["points_outstanding"]) == (2300, 1000, 1300)


def test_compare_gives_the_measures_at_the_end_of_2024():
    row = lr.compare([EXAMPLE], make_log(ROWS), until="2024-12-31 23:59:59", draws=0).table.iloc[0]
    assert math.isclose(row["burn_rate"], 1000 / 2300) and math.isclose(row["redemption_rate"], 1000 / 2300)
    assert math.isclose(row["points_issued"], 23) and math.isclose(row["points_redeemed"], 10)
    assert math.isclose(row["points_outstanding"], 13) and row["stranded_share"] == 0
    assert math.isclose(row["reward_cost_cny"], 10)
    assert math.isnan(row["breakage_rate"]), "no cohort is closed"


def greedy(balance: int, orders_cny: list[int]) -> list[int]:
    """What a customer redeems who takes the most that the rules allow at every order (definition 2.2)."""
    taken = []
    for amount in orders_cny:
        cap = math.floor(CAP_SHARE * amount * 100 / VALUE_FEN)
        taken.append(min(balance, cap) // MINIMUM * MINIMUM)
        balance -= taken[-1]
    return taken


def test_hoarding_index_by_hand():
    """HI = 1 - 1000/2000: the twin takes 2000 at the order of 60 CNY (cap 3000) and finds 300 too few later."""
    twin = greedy(2300, [60, 30])
    assert twin == [2000, 0]
    assert 1 - flow(example("2025-01-01").entries, "redemption") / sum(twin) == 0.50


def test_the_policy_of_redeeming_at_once_is_the_greedy_twin():
    """The June purchase has no order_id, so the policy acts at the two orders of the example, before points."""
    rows = [ROWS[0], {**ROWS[1], "order_id": None}, {**ROWS[3], "amount": 60}, ROWS[4]]
    added = lr.add_redemptions(make_log(rows), EXAMPLE)
    redeems = added[added["kind"] == "redeem"]
    assert redeems["points"].tolist() == [2000] and redeems["order_id"].tolist() == [2]
    assert flow(lr.ledger(added, EXAMPLE).entries, "redemption") == sum(greedy(2300, [60, 30]))


def test_cohorts_at_the_second_of_january_2026():
    """March: N=1500 URR=.667 BR=.333 closed; June: N=0; all: N=1500 R*=1000 X=500."""
    entries = example("2026-01-02").entries
    cohorts = {month: rows for month, rows in entries.groupby(entries["accrued_on"].dt.strftime("%Y-%m"))}
    march, june = cohorts["2024-03"], cohorts["2024-06"]
    issued = flow(march, "accrual") - flow(march, "clawback")
    assert issued == 1500 and march["points"].sum() == 0, "closed"
    assert round(flow(march, "redemption") / issued, 3) == 0.667 and round(flow(march, "expiry") / issued, 3) == 0.333
    assert flow(june, "accrual") - flow(june, "clawback") == 0 and flow(june, "redemption", "expiry") == 0
    assert flow(entries, "accrual") - flow(entries, "clawback") == 1500
    assert (flow(entries, "redemption"), flow(entries, "expiry")) == (1000, 500)


def test_compare_gives_the_cohort_rates_at_the_second_of_january_2026():
    row = lr.compare([EXAMPLE], make_log(ROWS), until="2026-01-02", draws=0).table.iloc[0]
    assert math.isclose(row["redemption_rate"], 2 / 3) and math.isclose(row["breakage_rate"], 1 / 3)
    assert math.isclose(row["expiry_rate"], 500 / 2300) and row["points_outstanding"] == 0
    assert math.isnan(row["stranded_share"]), "nothing outstanding: not defined"
    assert row["burn_rate"] == 0, "no redemption in the last 365 days, over a net issue of -800"


def test_expiry_rate_of_a_window_without_accruals_is_not_defined():
    """XR over the 365 days to 2026-01-02 has no accrual: by definition NaN, never 0."""
    entries = example("2026-01-02").entries
    window = entries[entries["time"] > pd.Timestamp("2026-01-02") - pd.Timedelta(days=365)]
    assert flow(window, "accrual") == 0 and flow(window, "expiry") == 500


# ------------------------------------------------------------------------------- checks that sources imply


@pytest.mark.parametrize(("amount", "usable"), [(19.99, 0), (20.00, 1000), (39.99, 1000), (40.00, 2000)])
def test_beans_usable_on_an_order(amount, usable):
    """Half of the order, in whole thousands (F9, F10)."""
    log = make_log([
        {"time": "2024-01-01", "kind": "grant", "points": 5000},
        {"time": "2024-01-02", "kind": "redeem", "order_id": 1, "amount": amount, "points": 5000},
        {"time": "2024-01-02", "kind": "order", "order_id": 1, "amount": amount}])
    ledger = lr.ledger(log, JD)
    assert flow(ledger.entries, "redemption") == usable
    assert ledger.declined["points"].tolist() == [5000 - usable] and ledger.declined["reason"].tolist() == ["cap"]


def beans_earned(scheme: lr.Scheme, amount: float) -> int:
    log = make_log([{"time": "2024-01-01", "kind": "order", "order_id": 1, "amount": amount}])
    return flow(lr.ledger(log, scheme.with_readings(X28="order")).entries, "accrual")


def test_beans_of_a_line_start_above_50_cny_and_stop_at_1000():
    """F3 is strict; the cap binds at 10,000 CNY when the rate is in beans, at 100 CNY when it is in value (X15)."""
    value = JD.with_readings(X15="value")
    assert [beans_earned(JD, amount) for amount in (50.00, 50.01, 9_999.99, 10_000, 10_010)] == [0, 5, 999, 1000, 1000]
    assert [beans_earned(value, amount) for amount in (50.00, 50.01, 99.99, 100, 100.10)] == [0, 500, 999, 1000, 1000]


@pytest.mark.parametrize("day", ["2023-01-01", "2023-12-31", "2024-02-29"])
def test_beans_live_until_the_end_of_next_year(day):
    entries = lr.ledger(make_log([{"time": day, "kind": "grant", "points": 1}]), JD).entries
    assert entries["expires_on"].iloc[0] == pd.Timestamp(int(day[:4]) + 1, 12, 31)


def test_a_coin_is_a_fen_and_a_merchant_without_coins_takes_none():
    """C8: 100 coins take 1 CNY; C9: the merchant's cap, of which 0 takes nothing at all."""
    assert TAOBAO.currencies[0].value_cny.value == 0.01
    rows = [{"time": "2024-01-01", "kind": "grant", "points": 5000}]
    for order, shop in enumerate(("no_coins", None, "half_coins"), 1):
        line = {"time": "2024-01-02", "order_id": order, "amount": 10, "shop": shop}
        rows += [{**line, "kind": "redeem", "points": 1000}, {**line, "kind": "order"}]
    ledger = lr.ledger(make_log(rows), TAOBAO)
    spent = ledger.entries[ledger.entries["entry"] == "redemption"].set_index("order_id")["points"]
    assert spent.to_dict() == {2: -100, 3: -500}        # a tenth of 10 CNY and half of it, in fen
    assert ledger.declined["reason"].tolist() == ["not_offered", "cap", "cap"]
    assert ledger.declined["points"].tolist() == [1000, 900, 500]


def test_plan_fees_by_score():
    """B32, B33 with the side of 1000 declared; E1-E5 with the doubled edge read as 10,000 (X1)."""
    assert plan_fee(TAOBAO, "88vip", [999, 1000, 1001]).tolist() == [888, 88, 88]
    fees = plan_fee(JD, "plus", [200, 201, 1000, 1001, 5000, 5001, 10_000, 10_001, 20_000, 20_001])
    assert fees.tolist()[1:] == [198, 198, 188, 188, 168, 168, 158, 158, 148] and math.isnan(fees.iloc[0])
    assert plan_fee(JD, "plus", range(201, 25_000, 7)).is_monotonic_decreasing


def test_the_plus_list_as_printed_is_refused(tmp_path):
    """E4 as printed repeats the edge of E2: two prices at one score."""
    path = tmp_path / "printed.toml"
    path.write_text(re.sub(r'(\[\[plan\.fee\]\]\nabove = \{ ?value = )10000(?:\.0)?(, assumed = [^}]*\})',
                           r'\g<1>1000, source = "E4"}', JD.to_toml(), count=1), encoding="utf-8")
    with pytest.raises(lr.SchemeError, match=r"plus.*repeats the edge of|repeats the edge of .*plus"):
        lr.load_scheme(path)


@pytest.mark.parametrize("scheme", [JD, TAOBAO], ids=lambda scheme: scheme.key)
def test_higher_bands_hold_every_benefit_of_lower_ones(scheme):
    opened = [set(list_benefits(scheme, score).query("open").index) for score in range(0, 25_000, 50)]
    assert all(lower <= higher for lower, higher in zip(opened, opened[1:], strict=False)) and opened[0] != opened[-1]


def test_base_score_stops_at_400():
    items = ("real_name", "voiceprint", "alipay", "sesame")
    rows = [{"time": "2024-01-01", "kind": "identity_verified", "item_id": item} for item in items]
    for level in (3, 4, 5, 9):
        scores = lr.score(make_log([*rows, {"time": "2024-01-02", "kind": "reputation", "points": level}]), TAOBAO,
                          at="2024-01-08")
        assert scores["base"].tolist() == [min(80 * level + 80, 400)]


@pytest.mark.parametrize(("members", "seats"), [(9_999, 0), (10_000, 1), (19_999, 1), (20_000, 2)])
def test_seats_of_apass(members, seats):
    """Not more than one member in 10,000 (B25), above 2500 (B24), the highest scores first, then the smaller id."""
    day = pd.DatetimeIndex(["2024-01-08"])
    scores = pd.DataFrame({"customer_id": [4, 3, 2, 1], "settled_on": day[0], "score": [2501, 2600, 2600, 2500]})
    held = invite(scores, pd.Series([members], index=day), least=2501, members_a_seat=10_000)
    assert held["customer_id"].tolist() == [2, 3][:seats] and held["holds"].all()


def test_account_part_of_the_jd_score():
    """D22-D24: 20 for the profile, 100 once for real name or phone, 20 for WeChat."""
    acts = {"profile_completed": (None, 20), "identity_verified real_name": ("real_name", 100),
            "identity_verified phone": ("phone", 100), "account_bound": ("wechat", 20)}
    sets = list(chain.from_iterable(combinations(acts, n) for n in range(len(acts) + 1)))
    rows = [{"customer_id": number, "time": "2024-01-01", "kind": "login"} for number in range(len(sets))]
    rows += [{**rows[number], "kind": name.split()[0], "item_id": acts[name][0]}
             for number, chosen in enumerate(sets) for name in chosen]
    found = lr.score(make_log(rows), JD, at="2024-01-01")["account"]
    expected = [20 * ("profile_completed" in chosen) + 20 * ("account_bound" in chosen)
                + 100 * any(name.startswith("identity") for name in chosen) for chosen in sets]
    assert found.tolist() == expected and set(found) == {0, 20, 40, 100, 120, 140}


def test_readings_of_the_coins_dates_agree_only_on_the_dates_themselves():
    """X4: the first fixed date on or after a year, and the last on or before it, are one for lots of 6-30 and 12-31."""
    days = np.arange("2015-01-01", "2025-01-01", dtype="datetime64[D]")
    first, last = (fixed_date_expiry(days, ["06-30", "12-31"], pick) for pick in ("first_after", "last_before"))
    same = {(day.month, day.day) for day in days[first == last].astype(object)}
    assert same == {(6, 30), (12, 31)}
    months = [(end.year - day.year) * 12 + end.month - day.month
              for day, end in zip(days.astype(object), first.astype(object), strict=True)]
    assert min(months) == 12 and max(months) == 17 and date(2024, 6, 30) in first.astype(object)

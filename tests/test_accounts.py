"""Why a customer has or lacks a benefit, a plan or an outlet at an instant."""
from __future__ import annotations

import doctest
from datetime import date
from importlib import import_module

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research.tiers import list_benefits

from .properties.logs import logs, make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
SEATS = TAOBAO.with_values({"tier.super.above": 10, "tier.apass.above": 100, "tier.apass.members_a_seat": 2})
CREDIT = '''
[score]
[[score.component]]
name = "credit"
[[score.rule]]
name = "credit"
component = "credit"
on = ["credit"]
per = "level"
points = {value = 1, N}
window = "state"
'''
CURRENCY = '''
[[currency]]
name = "shop_points"
value_cny = {value = 0.01, N}
expiry = {kind = "never", source = "test"}
[[currency.earn]]
name = "grant"
on = ["grant"]
per = "given"
'''
A_FEW = settings(max_examples=max(settings.default.max_examples // 10, 1))


def credit(points: int, time: str, **values) -> dict:
    return {"time": time, "kind": "credit", "points": points, **values}


def grant(points: int, time: str, **values) -> dict:
    return {"time": time, "kind": "grant", "points": points, **values}


def plan(act: str, time: str, item: str | None = None, **values) -> dict:
    return {"time": time, "kind": f"plan_{act}", "item_id": item, **values}


def run(rows: list[dict], scheme: lr.Scheme = JD, until: str = "2024-12-31") -> lr.Replay:
    return lr.replay(make_log(rows), scheme, until=until)


def row(frame: pd.DataFrame, number: int = 0) -> tuple:
    """What is needed, what the customer has, whether it holds, what is missing."""
    return tuple(frame.loc[number, ["needs", "value", "holds", "missing"]])


# ------------------------------------------------------------------------------------------------ the score


def test_an_edge_of_the_score_holds_from_the_day_after_the_settlement():
    done = run([credit(300, "2024-01-05")], make_scheme(CREDIT + '''
[[benefit]]
name = "bag"
title = "a bag"
from = {value = 300, N}
kind = "cash"
value_cny = {value = 1, N}
cost_cny = {value = 1, N}
source = "test"
''', settled="monthly:8"))
    waits = "300 more; 300 stands since 2024-01-05 and settles on 2024-01-08"
    assert row(done.explain(1, "bag", "2024-01-08 23:59:59.999999")) == ("300", "0, nothing settled yet", False, waits)
    assert row(done.explain(1, "bag", "2024-01-09")) == ("300", "300, settled on 2024-01-08", True, "")
    assert done.explain(1, "bag", "2024-01-09")["condition"].tolist() == ["a settled score of at least 300"]


def test_before_the_first_valuation_the_first_settlement_is_named():
    missing = run([credit(300, "2024-01-05 12:00")]).explain(1, "external", "2024-01-05 12:00").loc[1, "missing"]
    assert missing == "20,000 more; the first settlement is on 2024-02-02"


@pytest.mark.parametrize(("score", "holds"), [(200, False), (201, True)])
def test_an_edge_above_leaves_its_own_number_out(score, holds):
    frame = run([credit(score, "2024-01-05")]).explain(1, "freight_waiver", "2024-02-03")
    assert frame["holds"].tolist() == [holds] and frame.attrs["open"] is holds


def test_a_score_that_fell_waits_for_its_settlement():
    done = run([credit(600, "2024-01-05"), credit(100, "2024-02-20")])
    assert done.explain(1, "birthday_privilege", "2024-03-02").attrs["open"]
    assert row(done.explain(1, "birthday_privilege", "2024-03-03")) == (
        "birthday", "none, by a score of 100 settled on 2024-03-02", False, "401 more of settled score, 501 in all")


def test_what_waits_is_named_whether_it_is_enough_or_not():
    done = run([credit(100, "2024-01-05"), credit(201, "2024-02-20")])
    assert done.explain(1, "gift_pack", "2024-02-21").loc[0, "missing"] == (
        "9,901 more of settled score, 10,001 in all; 201 stands since 2024-02-20 and settles on 2024-03-02")
    assert ";" not in done.explain(1, "gift_pack", "2024-02-20").loc[0, "missing"]      # its day is not over


# ------------------------------------------------------------------------------------------------ tiers and seats


def test_there_is_no_tier_before_the_first_settlement():
    done = run([{"time": "2024-01-08", "kind": "login"}], TAOBAO)
    assert row(done.explain(1, "fast_refund", "2024-01-08")) == (
        "ordinary", "no tier yet", False, "the first settlement; the first settlement is on 2024-01-08")
    assert row(done.explain(1, "fast_refund", "2024-01-09"))[2:] == (True, "")


INVITED = SEATS.to_toml() + '''
[[benefit]]
name = "passport"
title = "the passport"
tier = "apass"
kind = "service"
value_cny = {value = 1, source = "test"}
cost_cny = {value = 1, source = "test"}
source = "test"
'''


@pytest.fixture(scope="module")
def invited(tmp_path_factory) -> lr.Replay:
    """Two members a seat: customer 1 gets it in February, customer 2 wants it too, customer 3 passes no edge."""
    path = tmp_path_factory.mktemp("scheme") / "seats.toml"
    path.write_text(INVITED, encoding="utf-8")
    return run([
        {"customer_id": 1, "time": "2024-01-05", "kind": "reputation", "points": 3},
        {"customer_id": 2, "time": "2024-02-05", "kind": "reputation", "points": 2},
        {"customer_id": 3, "time": "2024-02-05", "kind": "login"}], lr.load_scheme(path))


def test_a_tier_by_invitation_needs_its_edge_and_a_seat(invited):
    words = ["tier apass or higher", "a settled score of at least 101",
             "a seat, of which there is one for each 2 customers"]
    first, seated, full, low = (invited.explain(customer, "passport", at) for customer, at in (
        (1, "2024-02-08"), (1, "2024-02-09"), (2, "2024-02-09"), (3, "2024-02-09")))
    assert seated["condition"].tolist() == words
    assert seated.attrs["open"] and seated.loc[2, "value"] == "one of 1 for 3 customers"
    assert first["missing"].tolist()[::2] == ["an invitation", "a first seat, for which there must be 2 customers"]
    assert full["holds"].tolist() == [False, True, False]
    assert full.loc[2, "missing"] == "a free seat: all are taken by holders who keep theirs or by higher scores"
    assert low["holds"].tolist() == [False, False, False] and low.loc[2, "value"] == "none of 1 for 3 customers"


def test_a_free_seat_waits_for_who_passes_the_edge(tmp_path):
    path = tmp_path / "seats.toml"
    path.write_text(INVITED, encoding="utf-8")
    done = run([{"customer_id": n, "time": "2024-01-05", "kind": "login"} for n in (1, 2)], lr.load_scheme(path))
    assert done.explain(1, "passport", "2024-01-09").loc[2, "missing"] == "an invitation at a settlement"


def test_explanations_and_tables_agree_on_the_seats(invited):
    assert invited.tiers["tier"].tolist().count("apass") == 1 and invited.explain(1, "passport", "2024-12-31").attrs["open"]


# ------------------------------------------------------------------------------------------------ plans


def held(done: lr.Replay, at: str, name: str = "plus", customer=1) -> tuple[str, bool]:
    last = done.explain(customer, name, at).iloc[-1]
    return last["value"], last["holds"]


def test_a_plan_runs_from_its_act_to_its_last_day():
    done = run([{"time": "2024-03-01", "kind": "login"}, plan("joined", "2024-03-01 10:00")], until="2025-12-31")
    assert held(done, "2024-03-01 09:59:59.999999") == ("never joined", False)
    assert held(done, "2024-03-01 10:00") == held(done, "2025-02-28 23:59:59") == ("paid to 2025-02-28", True)
    assert held(done, "2025-03-01") == ("ended on 2025-02-28", False)
    assert done.explain(1, "free_deliveries", "2025-02-28").attrs["open"]
    assert not done.explain(1, "free_deliveries", "2025-03-01").attrs["open"]


@pytest.mark.parametrize(("renewed", "paid_to"), [
    ("2025-02-10", "2026-02-28"),            # before the end: no paid day is lost
    ("2025-02-28 23:59", "2026-02-28"),      # on the last day
    ("2025-03-01", "2026-02-28"),            # the day after
    ("2025-04-01", "2026-03-31")])           # after a gap
def test_a_renewal_runs_on_from_the_end(renewed, paid_to):
    done = run([plan("joined", "2024-03-01"), plan("renewed", renewed)], until="2026-12-31")
    assert held(done, renewed) == (f"paid to {paid_to}", True)


def test_a_second_joining_begins_on_its_own_day():
    done = run([plan("joined", "2024-03-01"), plan("joined", "2024-09-01")], until="2026-12-31")
    assert held(done, "2024-09-01") == ("paid to 2025-08-31", True)


def test_a_cancelled_plan_stands_to_the_end_of_what_is_paid():
    done = run([plan("joined", "2024-03-01"), plan("cancelled", "2024-04-01")], until="2025-12-31")
    assert held(done, "2025-02-28") == ("paid to 2025-02-28, cancelled", True)
    assert held(done, "2025-03-01") == ("ended on 2025-02-28, cancelled", False)
    alone = run([plan("cancelled", "2024-04-01")])
    assert held(alone, "2024-04-01") == ("never joined", False)


def test_an_act_on_another_plan_is_no_act_on_this_one():
    done = run([plan("joined", "2024-03-01", "prime"), plan("joined", "2024-04-01", "plus")])
    assert held(done, "2024-03-31") == ("never joined", False) and held(done, "2024-04-01")[1]
    assert done.plans[["plan", "act"]].to_numpy().tolist() == [["plus", "joined"]]


def test_items_that_are_numbers_name_no_plan():
    log = make_log([plan("joined", "2024-03-01"), plan("joined", "2024-04-01")]).assign(item_id=pd.array([None, 5], "Int64"))
    assert lr.replay(log, JD).plans["time"].dt.month.tolist() == [3]


def test_the_acts_are_kept_up_to_the_end_with_the_types_of_the_contract():
    done = run([plan("joined", "2024-03-01", amount=198.0), plan("cancelled", "2024-04-01"), plan("renewed", "2025-04-01")])
    assert done.plans.dtypes.astype("str").to_dict() == {
        "customer_id": "int64", "time": "datetime64[us]", "plan": "category", "act": "category", "paid_cny": "float64"}
    assert done.plans["act"].tolist() == ["joined", "cancelled"] and done.plans["paid_cny"].tolist() == [198, 0]
    assert list(done.plans["act"].cat.categories) == ["joined", "renewed", "cancelled"]
    none = run([plan("joined", "2024-03-01")], NONE).plans
    assert none.empty and none.dtypes.astype("str").equals(done.plans.dtypes.astype("str"))


MONTHLY = make_scheme('[[plan]]\nname = "card"\ntitle = "the card"\nmonths = {value = 1, N}\n[[plan.fee]]\ncny = {value = 120, N}\n')


def test_a_term_of_months_costs_its_share_of_the_year():
    done = run([plan("joined", "2024-01-31"), plan("renewed", "2024-02-10")], MONTHLY)
    assert held(done, "2024-02-09", "card") == ("paid to 2024-02-28", True)     # 31 January + 1 month is 29 February
    assert held(done, "2024-02-10", "card") == ("paid to 2024-03-28", True)
    assert row(done.explain(1, "card", "2024-03-29")) == (
        "any settled score", "120.00 CNY a year, 10.00 a term at 0, settled on 2024-01-31", True, "")
    assert row(done.explain(1, "card", "2024-03-29"), 1)[3] == "joining it, at 120.00 CNY a year, 10.00 a term"


@pytest.mark.parametrize(("score", "value", "holds", "missing"), [
    (200, "no known price at 200, settled on 2024-02-02; 198.00 from 201", False, "1 more"),
    (201, "198.00 CNY a year at 201, settled on 2024-02-02; 188.00 from 1,001", True, ""),
    (1000, "198.00 CNY a year at 1,000, settled on 2024-02-02; 188.00 from 1,001", True, ""),
    (20001, "148.00 CNY a year at 20,001, settled on 2024-02-02", True, "")])
def test_the_price_of_a_plan_is_that_of_the_settled_score(score, value, holds, missing):
    done = run([credit(score, "2024-01-05")])
    assert row(done.explain(1, "plus", "2024-02-03")) == ("201", value, holds, missing)
    offer = value.split(" at ")[0].replace("no known price", "a price that is not known")
    assert row(done.explain(1, "plus", "2024-02-03"), 1) == ("plus", "never joined", False, f"joining it, at {offer}")


def test_a_known_price_is_needed_only_by_who_has_to_pay():
    frame = run([credit(1, "2024-01-05"), plan("joined", "2024-01-06")]).explain(1, "plus", "2024-02-03")
    assert frame.attrs["open"]
    assert row(frame) == ("201", "no known price at 1, settled on 2024-02-02; 198.00 from 201; a term is paid", True, "")


def test_nothing_is_quoted_before_the_first_settlement():
    frame = run([credit(5, "2024-01-05")], TAOBAO).explain(1, "88vip", "2024-01-08")
    assert row(frame) == ("any settled score", "no known price at 0, nothing settled yet; 88.00 from 1,000", False,
                          "the first settlement; the first settlement is on 2024-01-08")


def test_dated_fees_and_plans_without_a_fee():
    dated = make_scheme(CREDIT + '[[plan]]\nname = "card"\n[[plan.fee]]\ncny = {value = 60, N}\nvalid_until = 2024-03-02\n'
                        '[[plan]]\nname = "gift"\n', settled="monthly:2")
    done = run([credit(5, "2024-01-05")], dated)
    assert row(done.explain(1, "card", "2024-03-03"))[1] == "60.00 CNY a year at 5, settled on 2024-02-02"
    unknown = ("a price", "none is known", False, "a price, which is known at no score")
    assert row(done.explain(1, "card", "2024-04-03")) == row(done.explain(1, "gift", "2024-03-03")) == unknown


@A_FEW
@given(log=logs(doing=("order", "level", "state", "act", "return")))
def test_the_price_is_the_quoted_fee_in_force(log):
    done = lr.replay(log, JD, until="2026-06-01")
    for fee in done.fees.itertuples():
        price = done.explain(fee.customer_id, "plus", fee.settled_on + pd.Timedelta(days=1)).loc[0, "value"]
        assert price.startswith(f"{fee.fee_cny:.2f} CNY a year")


# ------------------------------------------------------------------------------------------------ outlets


def test_an_outlet_asks_for_an_offer_a_score_and_points():
    done = run([grant(600, "2024-01-05"), credit(19_999, "2024-01-05"), credit(20_000, "2024-02-10")])
    first, second = (done.explain(1, "external", at) for at in ("2024-02-03", "2024-03-03"))
    assert first["condition"].tolist() == [
        "beans can be spent on a right outside", "a settled score of at least 20,000", "beans in the balance"]
    assert row(first) == ("an offer", "offered", True, "") and row(first, 2) == ("1", "600", True, "")
    assert row(first, 1) == ("20,000", "19,999, settled on 2024-02-02", False, "1 more") and second.attrs["open"]
    assert_frame_equal(first, done.explain(1, "beans.external", "2024-02-03"))


@pytest.mark.parametrize("name", ["lottery", "beans.lottery"])
def test_an_outlet_that_the_scheme_lacks_is_not_offered(name):
    frame = run([grant(600, "2024-01-05")]).explain(1, name, "2024-02-03")
    assert len(frame) == 1 and row(frame) == ("an offer", "not offered", False, "an offer by the scheme")


def test_an_outlet_that_is_listed_and_not_offered_shows_its_other_conditions_too():
    scheme = make_scheme(CURRENCY + '[[currency.outlet]]\nname = "coupon"\nsource = "test"\noffered = false\nprice = {value = 40, N}\n')
    frame = run([grant(90, "2024-01-05")], scheme).explain(1, "coupon", "2024-01-06")
    assert frame["holds"].tolist() == [False, True]
    assert frame["condition"].tolist() == [
        "shop points can be spent on a coupon", "at least 40 shop points, the price of a piece"]


def test_points_at_the_edge_of_a_multiple_and_the_least_order():
    done = run([grant(999, "2024-01-05"), grant(1, "2024-01-06 12:00")])
    assert row(done.explain(1, "order", "2024-01-06 11:59:59.999999"), 1) == ("1,000", "999", False, "1 beans")
    frame = done.explain(1, "order", "2024-01-06 12:00")
    assert frame.attrs["open"] and frame.loc[1, "condition"] == "at least 1,000 beans, in an order of 20.00 CNY or more"


def test_points_that_wait_are_named_and_do_not_count():
    order = {"time": "2024-01-05", "kind": "order", "amount": 9000, "order_id": 1}
    done = run([order, grant(200, "2024-01-05")])
    assert row(done.explain(1, "order", "2024-01-14"), 1) == ("1,000", "200, 900 more pending", False, "800 beans")
    assert row(done.explain(1, "order", "2024-01-15"), 1) == ("1,000", "1,100", True, "")


@pytest.mark.parametrize(("redeem", "offered", "more"), [
    ("", False, None), ('source = "test"\n', True, ""), ("cap_order = {value = 0, N}\n", False, None),
    ("cap_order = {value = 0.25, N}\n", True, ", in an order of 0.04 CNY or more"),
    ('cap_order = {value = 0, N}\n[[currency.redeem.shop]]\nname = "s1"\ncap_order = {value = 0.5, N}\n', True, "")])
def test_orders_take_points_where_the_scheme_says_so(redeem, offered, more):
    scheme = make_scheme(CURRENCY + ("[currency.redeem]\n" + redeem if redeem else ""))
    frame = run([grant(5, "2024-01-05")], scheme).explain(1, "shop_points.order", "2024-01-05")
    assert frame.loc[0, "holds"] == offered
    assert more is None or frame.loc[1, "condition"] == f"shop points in the balance{more}"


def test_what_an_outlet_refuses_for_the_score_is_what_its_condition_says():
    rows = [credit(19_999, "2024-01-05"), grant(5000, "2024-01-05")]
    rows += [{"time": f"2024-0{month}-03", "kind": "exchange", "points": 10} for month in (2, 3, 4)]
    done = run([*rows, credit(20_000, "2024-02-10"), credit(1, "2024-03-10")])
    granted = done.ledger.entries.query("entry == 'redemption'")["time"].tolist()
    for month in (2, 3, 4):
        at = pd.Timestamp(2024, month, 3)
        assert done.explain(1, "exchange", at).attrs["open"] == (at in granted)
    assert granted == [pd.Timestamp(2024, 3, 3)] and done.ledger.declined["reason"].tolist() == ["gate", "gate"]


def test_the_currency_is_named_where_several_list_the_outlet():
    done = run([{"time": "2024-01-05", "kind": "login"}], TAOBAO)
    with pytest.raises(lr.SchemeError, match="taobao has 'lottery' for several currencies; write coins.lottery or tmall_points"):
        done.explain(1, "lottery", "2024-01-05")
    assert done.explain(1, "coupon", "2024-01-05").loc[0, "condition"] == "tmall points can be spent on a coupon"
    assert done.explain(1, "order", "2024-01-05").loc[0, "condition"] == "coins can be spent at an order"


# ------------------------------------------------------------------------------------------------ the scheme's dates


@pytest.mark.parametrize("name", ["free_deliveries", "freight_waiver", "plus"])
def test_benefits_and_plans_end_with_the_scheme(name):
    scheme = JD.with_values({"scheme.valid_from": date(2024, 1, 1), "scheme.valid_until": date(2024, 6, 30)})
    done = run([credit(300, "2024-01-05"), plan("joined", "2024-01-05")], scheme)
    assert done.explain(1, name, "2024-06-30 23:59:59").attrs["open"]
    frame = done.explain(1, name, "2024-07-01")
    assert row(frame) == ("a day from 2024-01-01 until 2024-06-30", "2024-07-01", False, "it ended on 2024-06-30")
    assert frame["holds"].tolist()[1:] == [True] * (len(frame) - 1)


def test_a_scheme_that_has_not_begun_gives_nothing():
    scheme = JD.with_values({"scheme.valid_from": date(2024, 3, 1)})
    frame = run([plan("joined", "2024-01-05")], scheme).explain(1, "free_deliveries", "2024-02-29")
    assert row(frame) == ("a day from 2024-03-01", "2024-02-29", False, "it begins on 2024-03-01")


def test_points_are_spent_after_the_end_as_the_ledger_says():
    scheme = JD.with_values({"scheme.valid_until": date(2024, 6, 30)})
    done = run([grant(10, "2024-01-05"), {"time": "2024-08-01", "kind": "courier_gift", "points": 10}], scheme)
    assert done.explain(1, "gift", "2024-07-31").attrs["open"] and done.ledger.declined.empty


# ------------------------------------------------------------------------------------------------ the table


def test_the_table_has_its_types_and_says_whether_all_hold(tmp_path):
    frame = run([grant(5, "2024-01-05")]).explain(1, "external", "2024-01-05")
    texts = dict.fromkeys(("condition", "needs", "value", "missing"), "str")
    assert frame.dtypes.astype("str").to_dict() == texts | {"holds": "bool"}
    assert list(frame.columns) == ["condition", "needs", "value", "holds", "missing"]
    assert frame.attrs == {"open": False} and isinstance(frame.index, pd.RangeIndex)
    frame.to_parquet(tmp_path / "why.parquet")


@A_FEW
@given(log=logs(), key=st.sampled_from(["jd", "taobao", "seats"]), days=st.integers(0, 900))
def test_what_holds_misses_nothing_and_all_hold_where_the_benefit_is_open(log, key, days):
    """Explained and listed benefits are the same, for the tier that the tables of the run say."""
    scheme = {"jd": JD, "taobao": TAOBAO, "seats": SEATS}[key]
    done = lr.replay(log, scheme, until="2026-12-31")
    for customer, since in log.groupby("customer_id")["time"].min().items():
        at = min(since + pd.Timedelta(days=days), done.until)
        tiers = done.tiers.query("customer_id == @customer and settled_on < @at.normalize()")["tier"]
        for benefit in scheme.benefits:
            frame = done.explain(customer, benefit.name, at)
            assert (frame["holds"] == (frame["missing"] == "")).all() and frame.attrs["open"] == frame["holds"].all()
            if benefit.tier and len(tiers):
                assert list_benefits(scheme, 0, tier=tiers.iloc[-1]).loc[benefit.name, "open"] == frame.attrs["open"]


# ------------------------------------------------------------------------------------------------ who and when


def test_customers_come_as_numbers_of_any_kind_or_as_text():
    done = run([grant(5, "2024-01-05", customer_id=7)])
    assert_frame_equal(done.explain(7, "order", "2024-01-05"), done.explain(np.int64(7), "order", "2024-01-05"))
    named = run([grant(5, "2024-01-05", customer_id="七"), grant(9, "2024-01-05", customer_id="b")])
    assert row(named.explain("七", "order", "2024-01-05"), 1)[1] == "5"


@pytest.mark.parametrize(("customer", "message"), [
    (9, "customer 9 has no event in this run; its customers go from 3 to 7."),
    (2**70, f"customer {2**70} has no event in this run; its customers go from 3 to 7."),
    ("7", "customer is '7', and the ids of this log are whole numbers; give one of them."),
    (7.0, "customer is 7.0, and the ids of this log are whole numbers; give one of them."),
    (True, "customer is True, and the ids of this log are whole numbers; give one of them."),
    (None, "customer is None, and the ids of this log are whole numbers; give one of them.")])
def test_a_customer_that_is_none_is_refused(customer, message):
    done = run([grant(5, "2024-01-05", customer_id=3), grant(5, "2024-01-05", customer_id=7)])
    for ask in (lambda: done.explain(customer, "order", "2024-01-05"), lambda: done.statement(customer)):
        with pytest.raises(lr.LoyaltyError) as error:
            ask()
        assert str(error.value) == message


def test_text_ids_are_asked_for_as_text_and_an_empty_log_has_none():
    with pytest.raises(lr.LoyaltyError, match="customer is 7, and the ids of this log are text; give one of them"):
        run([grant(5, "2024-01-05", customer_id="7")]).explain(7, "order", "2024-01-05")
    with pytest.raises(lr.LoyaltyError, match="customer 7 has no event in this run; it has no customers"):
        lr.replay(make_log([]), JD).statement(7)


def test_a_customer_of_later_days_is_unknown():
    done = run([grant(5, "2024-01-05"), grant(5, "2025-01-05", customer_id=2)])
    with pytest.raises(lr.LoyaltyError, match="customer 2 has no event in this run; its customers go from 1 to 1"):
        done.explain(2, "order", "2024-06-01")


@pytest.mark.parametrize(("at", "message"), [
    ("2025-01-01", "at is 2025-01-01 00:00:00, after the end of the run at 2024-12-31 00:00:00; run the log with a later until."),
    ("2024-01-05", "at is 2024-01-05 00:00:00, before the first event of customer 1 at 2024-01-05 10:00:00; name a later instant."),
    ("soon", "at is 'soon', which is no date or time; write for example '2024-06-30'."),
    ("2024-06-30T00:00+08:00", "at is '2024-06-30T00:00+08:00'; give a time without a zone, in the scheme's own zone.")])
def test_an_instant_outside_the_run_is_refused(at, message):
    with pytest.raises(lr.LoyaltyError) as error:
        run([grant(5, "2024-01-05 10:00")]).explain(1, "order", at)
    assert str(error.value) == message


@pytest.mark.parametrize(("name", "message"), [
    ("freight_waver", "jd has no benefit, plan or outlet 'freight_waver'; did you mean 'freight_waiver'? It has the benefits plus_fee_cut, "),
    ("Plus", "jd has no benefit, plan or outlet 'Plus'; did you mean 'plus'? It has the "),
    ("externel", "jd has no benefit, plan or outlet 'externel'; did you mean 'external'? It has the "),
    ("coins.external", "jd has no benefit, plan or outlet 'coins.external'; did you mean 'beans.external'? It has the "),
    ("zzz", "jd has no benefit, plan or outlet 'zzz'; it has the "),
    (5, "benefit is 5; give the name of a benefit, a plan or an outlet of jd as text.")])
def test_a_benefit_that_is_none_is_refused_with_what_there_is(name, message):
    with pytest.raises(lr.SchemeError) as error:
        run([grant(5, "2024-01-05")]).explain(1, name, "2024-01-05")
    assert str(error.value).startswith(message)
    assert name == 5 or str(error.value).endswith("plans plus; outlets beans.order, beans.exchange, beans.coupon, beans.external, beans.gift.")


def test_a_scheme_with_nothing_to_ask_for_says_so():
    with pytest.raises(lr.SchemeError) as error:
        run([{"time": "2024-01-05", "kind": "login"}], NONE).explain(1, "order", "2024-01-05")
    assert str(error.value) == "none has no benefit, plan or outlet 'order'; it has the benefits none; plans none; outlets none."


# ------------------------------------------------------------------------------------------------ files


def test_a_run_from_files_answers_alike_and_reads_only_parts_that_can_hold_the_customer(tmp_path, monkeypatch):
    rows = [{"customer_id": n, "time": f"2024-01-{day:02}", "kind": kind, "points": 300 + n}
            for n in range(20) for day, kind in ((3, "grant"), (4, "credit"), (5, "plan_joined"))]
    log = make_log(rows)
    log.to_parquet(tmp_path / "log.parquet")
    monkeypatch.setattr(import_module("loyalty_research.replay"), "PART_ROWS", 9)        # three customers a part
    memory, files = (lr.replay(source, JD, until="2024-06-01") for source in (log, tmp_path / "log.parquet"))
    read, reads = pq.read_table, []
    monkeypatch.setattr(pq, "read_table", lambda *args, **kwargs: reads.append(args) or read(*args, **kwargs))
    for customer in (0, 11, 19):
        for name in ("plus", "freight_waiver", "order"):
            reads.clear()
            assert_frame_equal(files.explain(customer, name, "2024-03-03"), memory.explain(customer, name, "2024-03-03"))
            assert 0 < len(reads) <= 7, "one part of each table"
        assert_frame_equal(files.statement(customer), memory.statement(customer))
    assert_frame_equal(files.plans, memory.plans)


@pytest.mark.parametrize("name", ["accounts", "statements", "tiers"])
def test_examples_in_docstrings_hold(name):
    found = doctest.testmod(import_module(f"loyalty_research.{name}"))
    assert found.attempted and not found.failed

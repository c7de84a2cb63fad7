"""The claims of the articles: none forgotten, each verdict what its tests say."""
import pandas as pd
import pytest

from loyalty_research import claims
from loyalty_research.claims import (
    COLUMNS,
    VERDICTS,
    article_claims,
    claim_tests,
    claim_verdicts,
    common_verdict,
    effects_of,
    in_order,
)


@pytest.fixture(scope="module")
def tests():
    return claim_tests()


def test_every_claim_of_the_articles_has_a_verdict():
    verdicts = claim_verdicts()
    assert verdicts.index.tolist() == article_claims().index.tolist()
    assert verdicts["verdict"].isin(VERDICTS).all() and (verdicts["tests"] >= 1).all()


@pytest.mark.parametrize("study", claims.STUDIES)
def test_a_study_gives_whole_rows(study):
    table = claims.STUDIES[study]()
    assert table.columns.tolist() == COLUMNS and len(table)
    assert table["verdict"].isin(VERDICTS).all()
    assert table[["claim_id", "claim", "test", "verdict", "because"]].map(lambda text: bool(str(text).strip())).all(axis=None), "an empty cell"
    measured = table.dropna(subset=["lo", "hi"])
    assert ((measured["lo"] <= measured["effect"]) & (measured["effect"] <= measured["hi"])).all()
    assert table["share"].dropna().between(0, 1).all()
    assert (table.loc[table["verdict"] == "holds", "effect"].dropna() >= 0).all(), "a claim that holds is told so that its effect is not below 0"


def test_a_claim_that_no_study_takes_up_is_named(monkeypatch):
    monkeypatch.setattr(claims, "STUDIES", {"s04": claims.STUDIES["s04"]})
    with pytest.raises(KeyError, match="no study takes up .*H20"):
        claim_verdicts()


@pytest.mark.parametrize("verdicts, common", [
    (["needs data"], "needs data"), (["needs data", "does not hold"], "does not hold"), (["holds", "holds"], "holds"), (["holds", "holds under"], "holds under"),
    (["does not hold", "follows from an assumption"], "holds under"), (["holds", "follows from an assumption", "needs data"], "follows from an assumption")])
def test_one_verdict_of_many(verdicts, common):
    assert common_verdict(verdicts) == common


def test_ids_stand_in_the_order_of_the_list():
    assert in_order(["A10", "B34b", "A9", "B34a", "X21a", "E1-E5"]) == ["A9", "A10", "B34a", "B34b", "E1-E5", "X21a"]


def test_effects_of_two_years_are_halved(tests):
    money = effects_of(tests, "CNY")
    raw = tests[tests["unit"] == "CNY a customer in two years"].dropna(subset=["lo"])
    assert len(raw) and set((raw["effect"] / 2).round(9)) <= set(money["value"].round(9))
    assert ((money["low"] <= money["value"]) & (money["value"] <= money["high"])).all() and isinstance(money, pd.DataFrame)

"""The shrinker: what a fault in the model leaves of a random scheme and a random log."""

import pytest

from .model import Customer
from .shrink import shrink
from .test_oracle import make_batch


def test_a_difference_shrinks_to_one_event_and_few_tables(monkeypatch):
    monkeypatch.setattr(Customer, "punish", lambda customer, event: None)
    before = make_batch("random", 5, customers=8)
    after = shrink(before)
    assert [row["kind"] for row in after.rows] == ["penalty"]
    assert len(str(after.file)) < len(str(before.file)) / 3
    assert not after.file.get("plan") and not after.readings


def test_there_is_nothing_to_shrink_where_both_agree():
    with pytest.raises(AssertionError, match="agree"):
        shrink(make_batch("random", 5, customers=3))

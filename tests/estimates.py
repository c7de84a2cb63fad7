"""What tests of estimators share."""
from __future__ import annotations

import pandas as pd
import pytest

import loyalty_research as lr


def refused(call, *parts: str) -> str:
    with pytest.raises(lr.EstimationError) as error:
        call()
    message = str(error.value)
    for part in parts:
        assert part in message, message
    assert message.endswith(".") and "; " in message and "\n" not in message
    return message


def make_orders(*rows: tuple) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["customer_id", "time", "amount"])
    return table.assign(time=pd.to_datetime(table["time"], format="ISO8601"), kind="order")

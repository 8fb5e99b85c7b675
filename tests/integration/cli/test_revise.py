"""``driftline revise``: labels that changed since, from the command line."""

from __future__ import annotations

import json

from tests.integration.cli.conftest import Command
from tests.integration.shop_log import END, ShopLog

ENDS = END.isoformat()


def test_nothing_new_exits_with_0(driftline: Command) -> None:
    driftline("check", "fraud", "--window-end", ENDS)
    ran = driftline("revise", "fraud")
    assert ran.code == 0, ran
    assert ran.out.strip() == (
        "fraud: 0 hours with new labels counted, 0 windows judged anew, 0 verdicts changed, 0 windows failed"
    )


def test_a_verdict_that_labels_have_changed_is_shown_with_the_one_before(driftline: Command, shop: ShopLog) -> None:
    driftline("check", "fraud", "--window-end", ENDS)
    shop.execute(
        "UPDATE {schema}.labels SET was_fraud = NOT was_fraud WHERE prediction_id IN "
        "(SELECT prediction_id FROM {schema}.predictions WHERE predicted_at >= %s - interval '6 hours')",
        END,
    )
    ran = driftline("revise", "fraud", "--all", "--json")
    assert ran.code == 1, ran
    told = json.loads(ran.out)
    assert told["slices_counted"] == 6
    [window] = told["windows"]
    assert (window["before"], window["after"], window["is_provisional"]) == ("nothing", "alert", False)
    assert window["is_suppressed"], "it was only looked at, never watched"
    again = driftline("revise", "fraud", "--all")
    assert again.code == 0
    assert "0 windows judged anew" in again.out


def test_an_unknown_model_is_refused(driftline: Command) -> None:
    ran = driftline("revise", "nobody")
    assert ran.code == 2
    assert "nobody" in ran.err

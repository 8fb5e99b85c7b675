"""What is told for information never decides anything."""

from dataclasses import replace

from driftline.decisions import Policy, Verdict, decide
from driftline.findings import Check, Comparison, Finding, Severity, Status

LOUD = Finding(
    check=Check.DRIFT,
    version="v1",
    subject="amount",
    test="total_variation",
    comparison=Comparison.PREVIOUS_WINDOW,
    status=Status.DETECTED,
    severity=Severity.CRITICAL,
    details={"is_information": True},
)


def test_a_finding_for_information_neither_alerts_nor_rolls_back_nor_counts_as_unevaluated() -> None:
    policy = Policy(rollback_checks=frozenset({Check.DRIFT}))
    calm = replace(LOUD, status=Status.OK, severity=Severity.NONE, details={})
    unknown = replace(LOUD, status=Status.NOT_EVALUATED, reason="the window before is missing")
    decision = decide(policy, [calm, LOUD, unknown])
    assert (decision.verdict, decision.severity, decision.reason) == (Verdict.NOTHING, Severity.NONE, "All clear")

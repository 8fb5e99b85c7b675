"""The report in its three formats."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from driftline.drift import DriftDetector, ReportFormat, check_multivariate
from driftline.drift.report import render_drift_report

HOSTILE = "<script>alert(1)</script>|`x`"


@pytest.fixture(scope="module")
def verdict():
    rng = np.random.default_rng(0)
    reference = pd.DataFrame(
        {"amount": rng.normal(size=1_000), HOSTILE: rng.choice(["a", "b"], 1_000), "constant": 1.0}
    )
    current = pd.DataFrame(
        {"amount": rng.normal(1, 1, 1_000), HOSTILE: rng.choice(["a", "<i>"], 1_000), "constant": 1.0}
    )
    return DriftDetector().detect_multivariate_drift(reference, current)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "rect", "line", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("format", list(ReportFormat))
def test_every_format_says_status_action_and_what_moved(verdict, format):
    report = DriftDetector().generate_drift_report(verdict, "Drift of <fraud>", format)
    assert "Drift detected (critical)" in report
    assert "Act now" in report
    assert "amount" in report
    assert "median went from" in report
    assert "constant" in report


def test_html_is_one_well_formed_page_without_outside_resources_or_scripts(verdict):
    page = DriftDetector().generate_drift_report(verdict, "Drift of <fraud>", ReportFormat.HTML)
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    names = [tag for tag, _ in tags.seen]
    assert "script" not in names
    assert "link" not in names
    assert names.count("svg") == 3
    assert not any("src" in attributes or "href" in attributes for _, attributes in tags.seen)
    assert "&lt;script&gt;" in page


def test_the_biggest_mover_comes_first(verdict):
    page = DriftDetector().generate_drift_report(verdict, "t", ReportFormat.HTML)
    headings = [page.index(f"<h3>{name}") for name in ("amount", "constant")]
    assert headings == sorted(headings)


def test_markdown_tables_keep_their_columns_whatever_the_names(verdict):
    report = DriftDetector().generate_drift_report(verdict, "t", ReportFormat.MARKDOWN)
    findings = [line for line in report.splitlines() if line.startswith("| critical")]
    assert findings
    for line in findings:
        assert line.replace("\\|", "").count("|") == 9


def test_a_clean_report_says_so():
    values = np.arange(500.0)
    verdict = DriftDetector().detect_multivariate_drift({"a": values}, {"a": values})
    for format in ReportFormat:
        report = DriftDetector().generate_drift_report(verdict, "t", format)
        assert "No drift detected" in report
        assert "Nothing to do." in report


@pytest.mark.parametrize("format", list(ReportFormat))
def test_what_all_features_do_together_has_a_section_of_its_own(format):
    rng = np.random.default_rng(5)
    left, noise = rng.standard_normal((2, 600))
    reference = pd.DataFrame({"a<b": left, "other": 0.6 * left + 0.8 * noise, "score": rng.random(600)})
    current = reference.assign(other=-0.6 * left + 0.8 * noise)
    verdict = DriftDetector().detect_multivariate_drift(reference, current)
    joint = check_multivariate(None, reference, current, score="score")
    report = render_drift_report(verdict, "Report", format, joint=joint)
    assert not verdict.detected
    assert f"Drift detected ({joint.severity})" in report
    assert "All features together" in report
    for result in joint.results:
        assert result.test in report.replace("\\_", "_")
    if format is ReportFormat.HTML:
        assert "a<b" not in report
        assert "0 of 3 features drifted" in report
    assert "All features together" not in render_drift_report(verdict, "Report", format)

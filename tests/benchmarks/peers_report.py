"""The Markdown of `peers.py`, from the figures that it keeps."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.false_alarms import DAYS, STEP_HOURS, share_in_words
from tests.benchmarks.peers_rules import EVIDENTLY_ROWS
from tests.benchmarks.peers_speed import EVIDENTLY, SIZES, WAYS
from tests.benchmarks.peers_windows import CHANGES, CORRELATED, CORRELATION, FLIPPED, JOINT_ROWS, JOINT_RULES, RULES

Jobs = Sequence[Mapping[str, Any]]


def document(figures: Mapping[str, Any]) -> str:
    parts = [*_head(figures)]
    if figures["verdicts"]:
        parts += [*_data(), *_alarms(figures["verdicts"]), *_detections(figures["verdicts"])]
    if figures["speed"]:
        parts += _speed(figures["speed"])
    return "\n".join([*parts, ""])


def _head(figures: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return [
        "# Driftline beside its peers",
        "",
        f"Made by `python tests/benchmarks/peers.py`, last on {figures['made']}, on {figures['machine']}.",
        f"Driftline with {versions}; the peers in an environment of their own with "
        + ", ".join(f"{name} {version}" for name, version in figures["peer_versions"].items())
        + " (all pins: `tests/benchmarks/peers-requirements.txt`).",
    ]


def _data() -> list[str]:
    return [
        "",
        "## What was judged",
        "",
        "Logs as in false_alarms.md (30 features; *seasonal* has daily and weekly cycles and AR(1) noise), with",
        f"`{CORRELATED[0]}` and `{CORRELATED[1]}` correlated by {CORRELATION}. After each baseline of {DAYS} days",
        f"come windows of 24 h, one every {STEP_HOURS} h; everyone judges the very same rows. In brackets: 95 % Wilson",
        "interval, as if windows were independent (those after one baseline share its luck: a little too narrow).",
        "",
        "- *Evidently*: `DataDriftPreset()` as it comes, types of the columns given, the window against "
        f"{EVIDENTLY_ROWS:,} rows",
        "  of the baseline drawn at random (all of them where there are fewer; with all 280,000 a window takes 15 s).",
        "  Above 1,000 rows its default is the normed Wasserstein or Jensen-Shannon distance >= 0.1 per column.",
        "- *NannyML*: `UnivariateDriftCalculator` as it comes (Jensen-Shannon, 3 standard deviations over the chunks",
        "  of the reference), fitted on the whole baseline in chunks of a window's rows, and",
        "  `DataReconstructionDriftCalculator` as it comes.",
        "- *Driftline*: calibrated on the same baseline, budget 1 %; *features together* is `check_multivariate` on",
        f"  {JOINT_ROWS:,} rows of each day and window (budget 0.25 %), as it was on 2026-11-23:",
        "  since then correlations are compared pair by pair, and joint_drift.md has today's figures.",
    ]


def _alarms(jobs: Jobs) -> list[str]:
    columns = sorted({(job["kind"], job["size"]) for job in jobs})
    counts = {column: _windows(jobs, *column) for column in columns}
    lines = ["", "## False alarms: share of clean windows that alarm", ""]
    lines.append("| rule | " + " | ".join(f"{kind}, n = {size:,}" for kind, size in columns) + " |")
    lines.append("|---|" + "---:|" * len(columns))
    for rule in RULES:
        shares = [_share(_summed(jobs, *column, "alarms"), rule, counts[column]) for column in columns]
        lines.append(f"| {rule} | " + " | ".join(shares) + " |")
    return [*lines, "| *windows* | " + " | ".join(str(counts[column]) for column in columns) + " |"]


def _detections(jobs: Jobs) -> list[str]:
    lines = []
    changed = [job for job in jobs if job["found"]]
    for kind, size in sorted({(job["kind"], job["size"]) for job in changed}):
        windows = _windows(changed, kind, size)
        lines += ["", f"## Detection, {kind}, n = {size:,} ({windows} windows per line)", ""]
        rules = [rule for rule in RULES if rule not in JOINT_RULES]
        lines += ["| change | " + " | ".join(rules) + " |", "|---|" + "---:|" * len(rules)]
        for title in CHANGES:
            found = _summed(changed, kind, size, "found", title)
            lines.append(f"| {title} | " + " | ".join(_share(found, rule, windows) for rule in rules) + " |")
        flipped = _summed(changed, kind, size, "found", FLIPPED)
        lines += [
            "",
            "The flipped correlation, which no test of one feature can see, by those that look at all together: ",
        ]
        lines[-1] += "; ".join(f"{rule} {_share(flipped, rule, windows)}" for rule in JOINT_RULES) + "."
    return [
        *lines,
        "",
        "A rule finds a change if it calls a changed feature drifted (the data set's verdict: if it calls the data set",
        "so). A rule that alarms on everything finds everything: read this beside the line of what is called drifted",
        "when nothing is changed, and beside the false alarms.",
    ]


def _speed(speed: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    lines = [
        "",
        "## Speed and memory",
        "",
        "30 normal features; each way in a process of its own, data read and modules imported before the clock starts,",
        "fastest of the runs. Memory: peak of the process (imports and data included), and what the comparison added.",
        "Driftline runs all of its tests (ten per numeric feature); scipy one. Processor time counts all threads, and",
        "is what other work on the machine disturbs least: the ratios are taken from it.",
    ]
    for title in (title for title in SIZES if "evidently" in speed.get(title, {})):
        ways = {way: speed[title][way] for way in WAYS if way in speed[title]}
        lines += ["", f"### {title}", ""]
        lines.append(
            "| way | wall time | processor time | runs | Evidently's processor time over it | peak MiB | added MiB |"
        )
        lines.append("|---|---:|---:|---:|---:|---:|---:|")
        slowest = min(ways["evidently"]["processor"])
        assert WAYS["evidently"] == EVIDENTLY
        for way, found in ways.items():
            spent = min(found["processor"])
            lines.append(
                f"| {WAYS[way]} | {_seconds(min(found['seconds']))} | {_seconds(spent)} | {len(found['seconds'])} | "
                f"{slowest / spent:,.3g} × | {found['peak']:,.0f} | {found['peak'] - found['before']:,.0f} |"
            )
    return lines


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def _windows(jobs: Jobs, kind: str, size: int) -> int:
    return sum(job["windows"] for job in jobs if (job["kind"], job["size"]) == (kind, size))


def _summed(jobs: Jobs, kind: str, size: int, *path: str) -> Tally[str]:
    total: Tally[str] = Tally()
    for job in jobs:
        if (job["kind"], job["size"]) == (kind, size):
            found: Any = job
            for key in path:
                found = found[key]
            total.update(dict.fromkeys(found, 0) | dict(found))
    return total


def _share(tally: Tally[str], rule: str, windows: int) -> str:
    return share_in_words(tally[rule], windows) if rule in tally else "–"

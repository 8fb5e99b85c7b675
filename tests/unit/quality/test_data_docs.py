"""The Data Docs page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from driftline.profiles import CategoricalBinning, CategoricalProfile
from driftline.quality import (
    ColumnKind,
    ColumnRole,
    ExpectedColumn,
    QualityValidation,
    data_docs,
    derive_expectations,
    validate,
)

MARKUP = "<script>alert('x')</script> & \"$column\" <!--"


class Page(HTMLParser):
    """The tags, the addresses and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.handlers: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src")}
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}

    def handle_data(self, data: str) -> None:
        self.text += data


def validation(column: str = "carrier", value: str = "ZZ", name: str = "flight_delay") -> QualityValidation:
    levels = {"UA": 6, "AA": 4}
    profile = CategoricalProfile.of(levels, CategoricalBinning.from_counts(levels))
    columns = [
        ExpectedColumn(name=column, role=ColumnRole.FEATURE, kind=ColumnKind.CATEGORICAL, baseline=profile),
        ExpectedColumn(name="gone", role=ColumnRole.FEATURE, kind=ColumnKind.NUMERIC),
        ExpectedColumn(name="score", role=ColumnRole.SCORE, kind=ColumnKind.NUMERIC),
    ]
    frame = pd.DataFrame({column: ["UA", value] * 50, "score": np.linspace(0, 2, 100)})
    return validate(frame, derive_expectations(columns, rows=100), rows_in_window=1_000, name=name)


def test_the_page_is_rendered_by_great_expectations_with_what_it_found() -> None:
    page = Page(data_docs(validation()))
    text = re.sub(r"\s+", " ", page.text)
    assert "Successful Expectations" in text
    assert "50 unexpected values found. 50% of 100 total rows." in text
    assert "numbers must be finite and at least 0.0 and at most 1.0" in text
    assert "ZZ" in text
    assert "A sample of 100 of 1,000 rows was validated." in text


def test_what_was_not_evaluated_stands_in_the_page_with_its_reason() -> None:
    page = Page(data_docs(validation()))
    assert "The column 'gone' is missing." in page.text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = data_docs(validation())
    page = Page(html)
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert all(address.startswith("#") for address in page.addresses)
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html


def test_markup_in_names_and_values_is_text() -> None:
    html = data_docs(validation(column=MARKUP, value=MARKUP, name=MARKUP))
    page = Page(html)
    assert "script" not in page.tags
    assert not page.handlers
    # Once in each: the menu, the title and the section's header, the unexpected values.
    assert page.text.count(MARKUP) >= 4


def test_names_keep_private_characters_out_of_the_page() -> None:
    html = data_docs(validation(column=MARKUP))
    assert not re.search("[\ue000-\uf8ff]", html)


def test_an_empty_validation_has_a_page() -> None:
    page = Page(data_docs(validate(pd.DataFrame(), [])))
    assert "0 rows were validated." in page.text

"""The SELECTs on the prediction log: every name is quoted, every value is a literal."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.sql import Literal

from driftline.config import Labels, Predictions
from driftline.config.fairness_config import AttributeJoin
from driftline.sources.catalog import LogColumn
from driftline.sources.log_faults import label_faults_query, rows_ahead_query
from driftline.sources.queries import (
    Conversion,
    Selected,
    attribute_join,
    bounds_query,
    outcome_fingerprints_query,
    outcomes_query,
    prediction_fingerprints_query,
    predictions_query,
    probe_join,
    relation,
    rows_query,
)
from driftline.windows import Window

WINDOW = Window(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=15)


# PostgreSQL's lexical rules, 4.1.1: a quoted identifier ends at the first quote that is not doubled.
QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"')


def without_names(statement: str) -> str:
    return QUOTED_NAME.sub('""', statement)


def name_or_fixed(found: str, name: str) -> str:
    return name.replace('"', '""') if found == "x" else found


def number(name: str, type_name: str = "float8") -> Selected:
    return Selected(LogColumn(name, type_name), Conversion.NUMBER)


def own_score(name: str) -> Selected:
    return Selected(LogColumn(name, "float8"), Conversion.NUMBER, only_where=(LogColumn(name, "text"), "cat"))


def statements(name: str) -> list[str]:
    """Every statement, with ``name`` for every table and column."""
    mapping = Predictions.model_validate(
        {"table": f"s.{name}", "id": name, "time": name, "version": name, "prediction": name}
    )
    labels = Labels.model_validate(
        {"table": f"s.{name}", "id": name, "label": name, "time": name, "expected_delay": "1h"}
    )
    selected = number(name)
    join = AttributeJoin.model_validate({"table": f"s.{name}", "key": name, "attributes": [{"column": name}]})
    protected = Selected(LogColumn(name, "text"), Conversion.TEXT, is_joined=True)
    joins = [attribute_join(join, mapping, [protected], keys_are_unique=unique) for unique in (True, False)]
    return [
        query.as_string()
        for query in (
            *(predictions_query(mapping, WINDOW, [protected], ids_are_unique=False, join=each) for each in joins),
            outcomes_query(mapping, labels, WINDOW, [selected], label=selected, values=[protected], join=joins[1]),
            probe_join(mapping, joins[0]),
            predictions_query(mapping, WINDOW, [selected], ids_are_unique=True),
            predictions_query(mapping, WINDOW, [selected], ids_are_unique=False),
            outcomes_query(mapping, labels, WINDOW, [selected], label=selected, values=[selected]),
            prediction_fingerprints_query(mapping, WINDOW),
            outcome_fingerprints_query(mapping, labels, WINDOW),
            rows_query(mapping, WINDOW, [selected], 10, 100),
            bounds_query(mapping),
            label_faults_query(mapping, labels, WINDOW),
            rows_ahead_query(labels),
            predictions_query(mapping, WINDOW, [own_score(name)], ids_are_unique=True),
        )
    ]


@given(NAMES)
def test_a_name_cannot_break_out_of_its_quotes(name: str) -> None:
    """Read token by token, a statement is the same whatever the names are, but for those names."""
    for strange, plain in zip(statements(name), statements("x"), strict=True):
        assert without_names(strange) == without_names(plain)
        assert QUOTED_NAME.findall(strange) == [name_or_fixed(found, name) for found in QUOTED_NAME.findall(plain)]


def test_a_table_is_a_schema_and_a_name() -> None:
    assert relation("a.b", None).as_string() == '"a"."b"'
    assert relation("b", None).as_string() == '"b"'
    assert relation('a".b; DROP TABLE c', None).as_string() == '"a"""."b; DROP TABLE c"'


@pytest.mark.parametrize("written", ["SELECT 1", " SELECT 1; ", "SELECT 1;\n"])
def test_a_query_becomes_a_relation(written: str) -> None:
    assert relation(None, written).as_string() == "(SELECT 1\n)"


def test_braces_and_percents_in_a_query_are_left_alone() -> None:
    query = "SELECT '{}' AS a, 5 % 2 AS b, '{schema}' AS c"
    assert query in relation(None, query).as_string()


def test_the_bounds_of_a_window_carry_their_zone() -> None:
    [statement, *_] = statements("x")
    assert "'2026-03-08 00:00:00+00:00'::timestamptz" in statement
    assert "'2026-03-09 00:00:00+00:00'::timestamptz" in statement


@pytest.mark.parametrize(
    ("type_name", "conversion", "expected"),
    [
        ("float8", Conversion.NUMBER, '"log"."x"'),
        ("int4", Conversion.TEXT, '"log"."x"::text'),
        ("numeric", Conversion.TEXT, 'trim_scale("log"."x")::text'),
        ("money", Conversion.TEXT, '"log"."x"::text'),
        ("bool", Conversion.TRUTH, 'coalesce("log"."x", false)::text'),
        ("timestamptz", Conversion.TEXT, '"log"."x"'),
    ],
)
def test_columns_are_converted_to_what_arrow_carries(type_name: str, conversion: Conversion, expected: str) -> None:
    mapping = Predictions.model_validate({"table": "t", "id": "i", "time": "x", "version": "v", "prediction": "p"})
    selected = Selected(LogColumn("x", type_name), conversion)
    statement = predictions_query(mapping, WINDOW, [selected], ids_are_unique=True).as_string()
    assert statement.startswith(f'SELECT {expected} FROM "t" AS log WHERE ')


@pytest.mark.parametrize("value", ["cat", "it's", '"; DROP TABLE t; --', "back\\slash"])
def test_a_column_for_some_rows_only_is_null_elsewhere(value: str) -> None:
    mapping = Predictions.model_validate({"table": "t", "id": "i", "time": "x", "version": "v", "prediction": "p"})
    selected = Selected(LogColumn("s", "float4"), Conversion.NUMBER, only_where=(LogColumn("p", "numeric"), value))
    statement = predictions_query(mapping, WINDOW, [selected], ids_are_unique=True).as_string()
    quoted = Literal(value).as_string()
    assert f'CASE WHEN trim_scale("log"."p")::text = {quoted} THEN "log"."s" END' in statement


def test_a_key_that_stands_twice_in_a_joined_table_counts_once() -> None:
    mapping = Predictions.model_validate({"table": "t", "id": "i", "time": "x", "version": "v", "prediction": "p"})
    join = AttributeJoin.model_validate({"table": "people", "key": "k", "attributes": [{"column": "sex"}]})
    sex = Selected(LogColumn("sex", "text"), Conversion.TEXT, is_joined=True)
    assert attribute_join(join, mapping, [sex], keys_are_unique=True).as_string() == (
        ' LEFT JOIN "people" AS protected ON "protected"."k" = "log"."i"'
    )
    assert attribute_join(join, mapping, [sex], keys_are_unique=False).as_string() == (
        ' LEFT JOIN (SELECT DISTINCT ON ("protected"."k") protected.* FROM "people" AS protected '
        'ORDER BY "protected"."k", "protected"."sex"::text) AS protected ON "protected"."k" = "log"."i"'
    )

"""Filling in and sending a page's forms, as a browser does."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx
from fastapi.testclient import TestClient

SAME_SITE = {"sec-fetch-site": "same-origin"}


def read(html: str) -> str:
    """What a person reads: no tags, no style, no script."""
    from html import unescape

    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.select: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "form":
            self.forms.append((found.get("method") or "get", found.get("action") or "", {}))
        elif tag in {"input", "textarea"} and self.forms and found.get("name"):
            self.forms[-1][2][str(found["name"])] = found.get("value") or ""
        elif tag == "select":
            self.select = found.get("name")
        elif tag == "option" and self.select:
            fields = self.forms[-1][2]
            if "selected" in found or self.select not in fields:
                fields[self.select] = found.get("value") or ""


def forms(page: httpx.Response) -> dict[str, dict[str, str]]:
    """The fields of a page's forms as they are filled in, by the end of their addresses."""
    parser = _Forms()
    parser.feed(page.text)
    return {action.lstrip("./"): fields for _, action, fields in parser.forms}


def send(
    browser: TestClient, page: httpx.Response, end: str, headers: Any = SAME_SITE, **changed: str
) -> httpx.Response:
    """Sends the form whose address ends so, with some fields changed."""
    parser = _Forms()
    parser.feed(page.text)
    ((method, action, fields),) = [form for form in parser.forms if form[1].endswith(end)]
    address = urljoin(str(page.url), action)
    values = {**fields, **changed}
    if method == "get":
        return browser.get(address, params=values)
    return browser.post(address, data=values, headers=headers)


def follow(browser: TestClient, answer: httpx.Response) -> httpx.Response:
    """The page that an answer leads to."""
    assert answer.status_code == 303, read(answer.text)
    return browser.get(urljoin(str(answer.url), answer.headers["location"]))

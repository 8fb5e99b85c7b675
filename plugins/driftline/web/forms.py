"""Forms that only our own pages can send: sealed for one user and one purpose, and sent from the same site.

A page of another site can make a browser send a form, and cannot read what one of ours holds; so a form counts only
with the seal that was written into it. The seal names the user and the purpose and ends after `VALID_FOR`. What a
browser says about where a form comes from (`Sec-Fetch-Site`, else `Origin`) is asked first. Besides, Airflow's cookie
is ``SameSite=Lax``: browsers do not send it with forms of other sites.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import Depends, Request
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from starlette.exceptions import HTTPException

from driftline.errors import InputError
from driftline.web.acting import actor_of, lent

VALID_FOR = timedelta(hours=12)
"""An older form is refused: it was made for what was known then."""

LARGEST_FORM = 64 * 1024
"""Bytes; a reason takes a few hundred."""

LONGEST_REASON = 2_000
"""Characters."""

SEAL = "seal"
"""The form's field with the seal."""


class FormExpired(InputError):
    """The form is older than `VALID_FOR`."""


@dataclass(frozen=True)
class Submitted:
    """What a form sent, by field."""

    values: dict[str, str]

    def text(self, name: str) -> str:
        """The field without surrounding space; empty where it was not sent."""
        return self.values.get(name, "").strip()

    def reason(self) -> str:
        """Why.

        Raises
        ------
        InputError
            When nothing is said, or more than `LONGEST_REASON` characters.
        """
        reason = self.text("reason")
        if not reason:
            raise InputError("The reason is empty. What is done is kept with why: say it.")
        if len(reason) > LONGEST_REASON:
            raise InputError(f"The reason is longer than {LONGEST_REASON:,} characters. Say it shorter.")
        return reason

    def choice(self, name: str) -> str:
        """The name that was chosen, to the letter.

        Raises
        ------
        InputError
            When none was.
        """
        chosen = self.values.get(name, "")
        if not chosen or "\x00" in chosen:
            raise InputError(f"Choose a {name}.")
        return chosen

    def number(self, name: str) -> int:
        """The whole number of a field.

        Raises
        ------
        InputError
            When it is none.
        """
        written = self.text(name)
        if not written.isascii() or not written.isdecimal() or len(written) > 18:
            raise InputError(f"The form's {name} is {written!r}, which is no whole number. Load the page again.")
        return int(written)


async def _submitted(request: Request) -> Submitted:
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LARGEST_FORM:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form has at most {LARGEST_FORM:,} bytes.")
    form = await request.form(max_files=0, max_fields=50)
    return Submitted({name: value for name, value in form.items() if isinstance(value, str)})


Form = Annotated[Submitted, Depends(_submitted)]


def seal(request: Request, purpose: str) -> str:
    """What a form for ``purpose`` (such as ``promote/fraud``) must send along to count."""
    return _serializer(request).dumps([actor_of(request).user_id, purpose, uuid4().hex])


def require_sealed(request: Request, form: Submitted, purpose: str) -> str:
    """The form's own number, which makes sending it twice do the thing once.

    Raises
    ------
    HTTPException
        403 where the form is not from one of our pages, or was made for somebody or something else.
    FormExpired
        When it is too old.
    """
    _require_same_site(request)
    try:
        sealed = _serializer(request).loads(form.values.get(SEAL, ""), max_age=int(VALID_FOR.total_seconds()))
    except SignatureExpired:
        raise FormExpired(
            f"The form is older than {VALID_FOR.total_seconds() / 3600:g} hours. Look again and decide anew."
        ) from None
    except BadSignature:
        raise _strange() from None
    if sealed[:2] != [actor_of(request).user_id, purpose]:
        raise _strange()
    return str(sealed[2])


def _require_same_site(request: Request) -> None:
    """What the browser says; a program that says nothing is asked for the seal alone."""
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        if said != "same-origin":
            raise _strange()
        return
    origin = request.headers.get("origin")
    if origin is not None and origin not in _own_origins(request):
        raise _strange()


def _own_origins(request: Request) -> set[str]:
    asked = urlsplit(str(request.url))
    site = urlsplit(lent(request).site())
    return {f"{each.scheme}://{each.netloc}" for each in (asked, site) if each.netloc}


def _strange() -> HTTPException:
    return HTTPException(
        HTTPStatus.FORBIDDEN,
        "This form does not come from the page that it belongs to, or was made for somebody else: nothing was "
        "changed. Open the page again and send its form.",
    )


def _serializer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        lent(request).signing_key(),
        salt="driftline.web.forms",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )

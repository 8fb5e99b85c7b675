"""Ports of this machine."""

from __future__ import annotations

import os
import socket

import pytest

from driftline.local.ports import LOOPBACK, first_free_port, free_port, holder, is_free


@pytest.mark.parametrize("address", [LOOPBACK, "0.0.0.0"])
def test_a_port_that_somebody_listens_on_is_not_free_and_its_holder_is_named(address: str) -> None:
    with socket.socket() as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
        assert f"(process {os.getpid()})" in holder(port)
        assert first_free_port(port) != port


def test_a_port_that_somebody_answers_on_by_ipv6_only_is_not_free() -> None:
    """A browser tries ::1 first for localhost, and would see the other program."""
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            # Nothing to test there: nobody can listen on it, and that is no fault of ours.
            pytest.skip("this machine has no IPv6 loopback")
        other.listen()
        assert not is_free(other.getsockname()[1])


def test_a_port_of_nobody_is_free_and_preferred() -> None:
    port = free_port()
    assert is_free(port)
    assert first_free_port(port) == port
    assert holder(port) == "another program"

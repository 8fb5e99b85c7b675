"""TCP ports of this machine: which are free, and who holds the others."""

from __future__ import annotations

import socket

import psutil

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of the loopback interface now, and be the one that answers there."""
    return not _answers("127.0.0.1", port) and not _answers("::1", port) and _can_listen(port)


def free_port() -> int:
    """A port that is free now, chosen by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def first_free_port(preferred: int) -> int:
    """``preferred`` where it is free, else one that the system chooses."""
    return preferred if is_free(preferred) else free_port()


def holder(port: int) -> str:
    """Who listens on ``port``, in words for a message; "another program" where the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens_there = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if listens_there and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"


def _answers(address: str, port: int) -> bool:
    """A program that listens on all interfaces does not always keep others from listening on one of them."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def _can_listen(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose old connections are still closing down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True

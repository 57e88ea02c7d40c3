"""Who is at work on a store: a process holds a file lock for as long as it lives.

The operating system frees the lock at death, kill -9 included, so that a claim of the dead is never obeyed.
"""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

KNOWN_ALIVE_S = 1.0  # how long the answer "alive" is taken as still true


class Owner:
    """The present process as other processes on the same store see it.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> me, other = Owner(folder), Owner(folder)
    >>> other.alive(me.token), me.close(), other.alive("nobody")
    (True, None, False)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.token = uuid4().hex
        self._lock = FileLock(self._path(self.token), thread_local=False)
        self._lock.acquire()
        self._seen: dict[str, float] = {}

    def _path(self, token: str) -> Path:
        return self._folder / f"{token}.lock"

    def alive(self, token: str) -> bool:
        """Tell whether the process behind a token lives."""
        if token == self.token or time.monotonic() - self._seen.get(token, -KNOWN_ALIVE_S) < KNOWN_ALIVE_S:
            return True
        if not self._path(token).exists():
            return False
        probe = FileLock(self._path(token), thread_local=False)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            self._seen[token] = time.monotonic()
            return True
        probe.release()
        self._path(token).unlink(missing_ok=True)  # a token is never used again
        return False

    def close(self) -> None:
        """Give up the lock."""
        self._lock.release()
        self._path(self.token).unlink(missing_ok=True)

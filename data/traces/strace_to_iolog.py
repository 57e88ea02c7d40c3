"""Turn strace lines of pread64, pwrite64 and syncs on a database and its WAL into a fio iolog version 3."""

from __future__ import annotations

import gzip
import re
import sys

IO = re.compile(r"^\d+\s+([\d.]+) (pread64|pwrite64)\(\d+<([^>]*)>, .*, (\d+), (\d+)\)\s+= (\d+)$")
SYNC = re.compile(r"^\d+\s+([\d.]+) (fsync|fdatasync)\(\d+<([^>]*)>\)\s+= 0$")
ACTIONS = {"pread64": "read", "pwrite64": "write", "fsync": "sync", "fdatasync": "datasync"}


def convert(calls: str, database: str, output: str) -> int:
    """Write the iolog and return the number of reads and writes."""
    names = {database: "app.db", database + "-wal": "app.db-wal"}
    lines = ["fio version 3 iolog"]
    lines += [f"0 {name} {action}" for name in names.values() for action in ("add", "open")]
    start_us, last_us, count = None, 0, 0
    with open(calls, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = IO.match(line.rstrip()) or SYNC.match(line.rstrip())
            if match is None or match[3] not in names:
                continue
            seconds, fraction = match[1].split(".")
            stamp = int(seconds) * 10**6 + int(fraction.ljust(6, "0")[:6])
            start_us = stamp if start_us is None else start_us
            last_us = stamp - start_us
            text = f"{last_us} {names[match[3]]} {ACTIONS[match[2]]}"
            if match.re is IO:
                if int(match[6]) == 0:  # a read at the end of the file moves nothing
                    continue
                text += f" {match[5]} {match[6]}"
                count += 1
            else:
                text += " 0 0"
            lines.append(text)
    lines += [f"{last_us} {name} close" for name in names.values()]
    with open(output, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(("\n".join(lines) + "\n").encode())
    return count


if __name__ == "__main__":
    print(convert(*sys.argv[1:4]), "requests")

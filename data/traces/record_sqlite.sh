#!/bin/sh
# Record the disk I/O of SQLite under a mixed workload as a fio iolog version 3.
# Needs strace and python3. Usage: record_sqlite.sh [output.gz]; takes about a minute and 150 MB of disk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-"$here/sqlite_mixed.fio_iolog.gz"}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
"$python" "$here/sqlite_workload.py" fill "$work/app.db"
strace -f -ttt -y -e trace=pread64,pwrite64,fdatasync,fsync -o "$work/calls.txt" \
    "$python" "$here/sqlite_workload.py" mix "$work/app.db"
"$python" "$here/strace_to_iolog.py" "$work/calls.txt" "$work/app.db" "$out"

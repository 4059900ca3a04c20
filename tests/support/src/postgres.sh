#!/bin/sh
# Keeps a PostgreSQL cluster for as long as its stdin is open.
#
# Its arguments are the directory of PostgreSQL's programs, the one for temporary files, and, for a
# standby, the port of the primary server. It
# writes the directory that it has made for the cluster. Then it reads ports, one a line: it
# starts the server at the port, and writes `started` or `failed`. At the end of stdin it stops
# the server and removes the directory.
set -u
# It has to outlive the test process: a write to that one's closed pipe must not end it either.
trap '' HUP INT TERM PIPE

programs=$1
place=$2
primary=${3-}
# A disk in memory, if it has more than 1 GiB free.
free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ "${free:-0}" -gt 1048576 ] && [ -w /dev/shm ]; then
    place=/dev/shm
fi
dir=$(mktemp -d "$place/orch-postgres-XXXXXX") || exit
data=$dir/data
# The stderr of the tests is let go of: a reader of it waits until all that hold it have ended.
exec 2>>"$dir/log"
printf '%s\n' "$dir"

make() { # LOCALE
    "$programs/initdb" -D "$data" -A trust -U orch -E UTF8 --no-sync --locale="$1"
}

# A copy of the primary, which follows it from then on.
copy() {
    "$programs/pg_basebackup" -D "$data" -R -X stream -c fast --no-sync \
        -h 127.0.0.1 -p "$primary" -U orch
}

start() { # PORT
    if [ -e "$data/PG_VERSION" ]; then
        :
    elif [ -n "$primary" ]; then
        copy || return
    else
        make C.UTF-8 || make C || return
    fi
    # The limit of the WAL keeps it small, because it may be in memory.
    "$programs/pg_ctl" start -D "$data" -w -t 30 -l "$dir/log" -o "\
        -c listen_addresses=127.0.0.1 -c port=$1 -c unix_socket_directories= \
        -c max_connections=300 -c max_prepared_transactions=0 \
        -c shared_buffers=64MB -c max_wal_size=256MB \
        -c fsync=off -c synchronous_commit=on -c full_page_writes=off \
        -c log_min_messages=warning"
}

while read -r port; do
    if start "$port" </dev/null >>"$dir/log"; then
        echo started
    else
        echo failed
    fi
done
if [ -e "$data/postmaster.pid" ]; then
    "$programs/pg_ctl" stop -D "$data" -m immediate >>"$dir/log"
fi
rm -rf "$dir"

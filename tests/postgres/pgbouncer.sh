#!/usr/bin/env bash
# Installs PgBouncer for the stories about poolers: 1.21 or later, for earlier ones keep no prepared
# statements. Where the system's own packages are older, it is built from the sources of a newer
# Debian, which takes half a minute. Does nothing where one that will do is installed.
set -euo pipefail

oldest=1.21
prefix=/usr/local
suites=(bookworm-backports trixie testing)

# Whether the first version is not older than the second.
at_least() { # VERSION VERSION
    [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

installed() {
    pgbouncer --version 2>/dev/null | sed -n 's/^PgBouncer //p'
}

will_do() {
    local version
    version=$(installed) && [ -n "$version" ] && at_least "$version" "$oldest"
}

if will_do; then
    exit
fi
apt-get update -q
candidate=$(apt-cache policy pgbouncer | sed -n 's/^ *Candidate: //p')
if [ -n "$candidate" ] && [ "$candidate" != '(none)' ] && at_least "$candidate" "$oldest"; then
    apt-get install -y -q --no-install-recommends pgbouncer
    exit
fi

apt-get install -y -q --no-install-recommends gcc libc6-dev libevent-dev libssl-dev make pkg-config
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/lists/partial" "$tmp/sources"
# The mirror that this machine takes its own Debian from.
mirror=$(apt-get update --print-uris |
    sed -n "s|^'\([^']*[^/]\)/*/dists/[^-/]*/InRelease'.*|\1|p" | head -n 1)
options=signed-by=/usr/share/keyrings/debian-archive-keyring.gpg
apt=(
    -o Dir::State::lists="$tmp/lists" -o Dir::Etc::sourcelist="$tmp/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root -o Acquire::Languages=none
)
for suite in "${suites[@]}"; do
    echo "deb-src [$options] $mirror $suite main" >"$tmp/sources.list"
    apt-get -q "${apt[@]}" update || continue
    version=$(apt-cache "${apt[@]}" madison pgbouncer | awk '!n++ { print $3 }')
    if [ -n "$version" ] && at_least "$version" "$oldest"; then
        (cd "$tmp/sources" && apt-get -q "${apt[@]}" source --download-only "pgbouncer=$version")
        break
    fi
done
mkdir "$tmp/pgbouncer"
tar -xf "$tmp"/sources/pgbouncer_*.orig.tar.* -C "$tmp/pgbouncer" --strip-components=1
cd "$tmp/pgbouncer"
./configure --prefix="$prefix" --without-cares --without-systemd >/dev/null
make >/dev/null
install -m 755 pgbouncer "$prefix/bin/pgbouncer"
will_do

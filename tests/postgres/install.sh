#!/usr/bin/env bash
# Installs what the stories about PostgreSQL need, from the system's packages: its server, and
# libfaketime for machines whose clock is wrong. Each test process starts a cluster of its own, so
# the package of the server makes none. Does nothing where both are installed.
set -euo pipefail

packages=()
if ! command -v initdb >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    packages+=(postgresql)
fi
if ! compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; then
    packages+=(libfaketime)
fi
if [ ${#packages[@]} -eq 0 ]; then
    exit
fi
# The package asks this directory whether to make a cluster, which would run from then on.
settings=/etc/postgresql-common/createcluster.d
mkdir -p "$settings"
echo 'create_main_cluster = false' >"$settings/no-main-cluster.conf"
apt-get update -q
apt-get install -y -q --no-install-recommends "${packages[@]}"

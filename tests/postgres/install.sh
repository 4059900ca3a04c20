#!/usr/bin/env bash
# Installs what the stories about PostgreSQL need: its server, from the system's packages. Each
# test process starts a cluster of its own, so the package makes none. Does nothing where a
# server is installed.
set -euo pipefail

if command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    exit
fi
# The package asks this directory whether to make a cluster, which would run from then on.
settings=/etc/postgresql-common/createcluster.d
mkdir -p "$settings"
echo 'create_main_cluster = false' >"$settings/no-main-cluster.conf"
apt-get update -q
apt-get install -y -q --no-install-recommends postgresql

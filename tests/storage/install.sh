#!/usr/bin/env bash
# Installs what the stories about object storages need: moto, a server that answers as S3 does. Does
# nothing where it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

place=target/storage
wanted=tests/storage/requirements.txt

if cmp -s "$wanted" "$place/installed.txt"; then
    exit
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends python3 python3-venv
fi
python3 -m venv --clear "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$place/installed.txt"

#!/usr/bin/env bash
# Installs what the stories about programs of others need: Schemathesis, which asks an API what
# its description allows and forbids, and a generator of clients. Does nothing where they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

place=target/strangers
wanted=tests/strangers/requirements.txt

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

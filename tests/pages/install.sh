#!/usr/bin/env bash
# Installs what the stories about pages need: Chromium with its driver, from the system's
# packages, and axe-core, which looks for barriers, from npm. Does nothing where all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

axe_version=4.14.1
axe=target/axe-core/axe.min.js

if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends chromium chromium-driver fonts-dejavu-core
fi
if ! command -v npm >/dev/null; then
    apt-get install -y -q --no-install-recommends npm
fi
if [ ! -s "$axe" ]; then
    mkdir -p target/axe-core
    npm pack --silent --pack-destination target/axe-core "axe-core@$axe_version" >/dev/null
    tar -xzf "target/axe-core/axe-core-$axe_version.tgz" -C target/axe-core --strip-components=1 package/axe.min.js
fi

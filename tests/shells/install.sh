#!/usr/bin/env bash
# Installs the shells in which completions are tried, from the system's packages. Does nothing where
# they are there.
set -euo pipefail

if ! command -v zsh >/dev/null || ! command -v fish >/dev/null; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends zsh fish
fi

#!/usr/bin/env bash
# Starts a shop on this machine, lets tasks fetch its pages with a secret, and shows what came of
# it. It works in a directory of its own that is gone afterwards, and leaves no process behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

token=open-sesame-4711
target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$PWD/$target

show() {
    printf '\n$'
    printf ' %q' "$@"
    echo
    "$@"
}

# Apart: together they would have other features, and all would be built anew.
cargo build --release --locked -p orch-host
cargo build --release --locked -p fetch_pages --example shop
bash guest-sdk/wasm-target.sh
cargo build --release --locked --target wasm32-wasip2 -p fetch_pages

PATH=$target/release:$PATH
ORCH_HOME=$(mktemp -d)
export ORCH_HOME
chmod 700 "$ORCH_HOME"
pids=()
end() {
    ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
    wait
    rm -rf "$ORCH_HOME"
}
trap end EXIT

# Port 0: any that is free.
"$target/release/examples/shop" "$token" 0 >"$ORCH_HOME/shop" &
pids+=($!)
until [[ -s $ORCH_HOME/shop ]]; do sleep 0.05; done
shop=$(<"$ORCH_HOME/shop")

printf '%s' "$token" >"$ORCH_HOME/token"
show orch-host secret set shop-token --from-file "$ORCH_HOME/token"
rm "$ORCH_HOME/token"
show orch-host deploy "$target/wasm32-wasip2/release/fetch_pages.wasm" \
    --allow-http "${shop#http://}" --secret shop-token
show orch-host run fetch-pages -p "shop=\"$shop\""
show orch-host artifact ls
show orch-host artifact inspect report

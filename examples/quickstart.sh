#!/usr/bin/env bash
# From a fresh clone to a workflow that has run: builds everything, deploys two components,
# and runs ten items of ten seconds each at once.
#
# Every command is shown as `$ command` before it runs, and can be typed again as it is.
# It works in your own data directory (or in ORCH_HOME), so that what it deployed is still
# there afterwards. It leaves no process behind. With `--server` the worker is within a
# server, which goes on until Ctrl-C, so that you can look at the runs in a browser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# How long the worker may take to start, and to stop.
worker_seconds=30
with_server=

usage() {
    cat <<END
usage: examples/quickstart.sh [--server]

  --server   serve the pages, too, and go on until Ctrl-C
END
}

fail() { # MESSAGE HINT
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

explain() { printf '\n# %s\n' "$*"; }

show() {
    printf '$'
    printf ' %q' "$@"
    echo
    "$@"
}

is_running() { kill -0 "$1" 2>/dev/null; }

# Waits until the worker PID has ended, for a bounded time.
has_ended() { # PID
    local tenths
    for ((tenths = 0; tenths < worker_seconds * 10; tenths++)); do
        is_running "$1" || return 0
        sleep 0.1
    done
    return 1
}

clean_up() {
    local code=$?
    if [ "$code" != 0 ] && [ -s "$worker_log" ]; then
        printf '\n# The worker said:\n' >&2
        cat "$worker_log" >&2
    fi
    if [ -n "$worker" ] && is_running "$worker"; then
        kill -INT "$worker"
        has_ended "$worker" || kill -KILL "$worker"
        wait "$worker" || true
    fi
    rm -f "$worker_log"
}

start_worker() { # ARGUMENTS...
    local tenths
    printf '$ %q' "$orch_host"
    printf ' %q' "$@"
    printf ' &\n'
    # A process group of its own (-m): Ctrl-C reaches this script, which then stops the worker.
    set -m
    "$orch_host" "$@" </dev/null >"$worker_log" 2>&1 &
    set +m
    worker=$!
    for ((tenths = 0; tenths < worker_seconds * 10; tenths++)); do
        if grep 'Worker .* started' "$worker_log"; then
            return
        fi
        is_running "$worker" || break
        sleep 0.1
    done
    fail "the worker did not start" "see below for what it says"
}

# The newest run of the flow `orchestrator`: in each run's JSON its id comes before its flow.
orchestrator_run() {
    "$orch_host" flow-run ls -o json | tr -d '\n' |
        grep -oE '"(id|flow)": *"[^"]*"' | tr -d ' "' |
        awk -F: '$1 == "id" { id = $2 } $0 == "flow:orchestrator" && !n++ { print id }'
}

for argument in "$@"; do
    case $argument in
    --server) with_server=yes ;;
    -h | --help)
        usage
        exit
        ;;
    *)
        printf 'error: unknown argument `%s`\n' "$argument" >&2
        usage >&2
        exit 2
        ;;
    esac
done

for tool in rustc cargo; do
    command -v "$tool" >/dev/null || fail "Rust is not installed: there is no \`$tool\`" \
        "see https://www.rust-lang.org/tools/install"
done
command -v cc >/dev/null ||
    fail "there is no C compiler (\`cc\`), which Rust links with" \
        "on Debian or Ubuntu \`apt-get install gcc libc6-dev\`, on Fedora \`dnf install gcc\`, on macOS \`xcode-select --install\`"

target=${CARGO_TARGET_DIR:-./target}
orch_host=$target/release/orch-host
components=$target/wasm32-wasip2/release

explain "Make rustc able to build guests"
show guest-sdk/wasm-target.sh
explain "Build orch-host (the first time takes minutes)"
show cargo build --release
explain "Build two components: one with the flow orchestrator, one with the flow process-item"
show cargo build --release --target wasm32-wasip2 -p orchestrator -p process_item

explain "Register their flows as deployments"
show "$orch_host" deploy "$components/process_item.wasm"
show "$orch_host" deploy "$components/orchestrator.wasm"

worker=
worker_log=$(mktemp)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "$with_server" ]; then
    explain "Start a server with a worker, which takes runs from a work pool"
    start_worker server start --worker
else
    explain "Start a worker, which takes runs from a work pool"
    start_worker worker --pool default-pool
fi
explain "Run the orchestrator here; its ten items go to the worker"
begin=$SECONDS
show "$orch_host" run orchestrator
echo "# Ten items of ten seconds each took $((SECONDS - begin)) seconds."

explain "Every run has a state and a log"
show "$orch_host" flow-run ls
run=$(orchestrator_run)
show "$orch_host" flow-run logs "$run"

if [ -n "$with_server" ]; then
    explain "The same runs in a browser, by a link that signs you in once; Ctrl-C stops the server"
    grep -E '^(Server started|Sign in)' "$worker_log"
    trap 'exit 0' INT TERM
    code=0
    wait "$worker" || code=$?
    exit "$code"
fi

cat <<END

# The worker of this script stops now; the deployments stay, in ${ORCH_HOME:-your data directory}.
# Type next:

$orch_host worker --pool default-pool      # in a terminal of its own
$orch_host run orchestrator
$orch_host deployment run process-item/process-item-deployment -p item_id=7 --watch
$orch_host deployment ls

# The flows are in examples/orchestrator/src/lib.rs and examples/process_item/src/lib.rs.
END

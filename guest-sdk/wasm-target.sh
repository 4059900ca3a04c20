#!/usr/bin/env bash
# Makes the active `rustc` able to build guests, that is, to build for wasm32-wasip2.
# Does nothing where it already can.
#
#   rustup  `rustup target add`, with a bound on the time.
#   debian  Where rustup is absent or its host is out of reach: builds `std` from Debian's
#           sources of exactly this version of rustc, and installs it into the toolchain.
#           Nothing is installed into the system, and no root is needed for a toolchain
#           of one's own. Takes a minute or two.
#
# Environment: WASM_TARGET_WAY=rustup|debian allows one way only; RUSTC names the compiler.
# Exit code:   0 it can build guests; 1 it cannot, and could not be made to;
#              2 there is no `rustc`, or WASM_TARGET_WAY is wrong.
set -euo pipefail

target=wasm32-wasip2
rustc=${RUSTC:-rustc}
# The target is a 20 MB download, so this is for a host that does not answer.
rustup_seconds=240
# Where Debian may have the sources of a given rustc: stable releases stay long in
# backports, the newest one is in sid.
suites=(trixie-backports sid testing trixie bookworm-backports)
# Marks a target that the debian way built, which may therefore be removed again.
mark=BUILT-BY-WASM-TARGET

say() { echo "wasm-target: $*" >&2; }

fail() { # CODE MESSAGE HINT
    printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

# Runs a command without input and for at most SECONDS; macOS has no `timeout`.
bounded() { # SECONDS COMMAND...
    local seconds=$1
    shift
    if command -v timeout >/dev/null; then
        timeout --foreground --kill-after=10 "$seconds" "$@" </dev/null
    else
        "$@" </dev/null
    fi
}

# The only honest test: a target can be listed and still lack its `std` or its linker.
can_build() { # FLAGS...
    echo 'fn main() { println!("{:?}", std::env::args()) }' |
        "$rustc" --target "$target" "$@" -o "$tmp/probe.wasm" - >"$tmp/probe.log" 2>&1
}

rustup_way() {
    if ! command -v rustup >/dev/null; then
        say "rustup is not installed"
        return 1
    fi
    say "running \`rustup target add $target\` (for at most $rustup_seconds s)"
    if ! bounded "$rustup_seconds" rustup target add "$target" >&2; then
        say "rustup could not add the target"
        return 1
    fi
    if ! can_build; then
        say "rustup has the target, but \`$rustc\` cannot use it: $(head -n 1 "$tmp/probe.log")"
        return 1
    fi
}

# Prints the mirror that this machine takes its own Debian from. `--print-uris` answers
# from the configuration alone, so it works where the package lists have been deleted.
debian_mirror() {
    local codename
    codename=$(sed -n 's/^VERSION_CODENAME="\{0,1\}\([a-z]*\).*/\1/p' /etc/os-release)
    mkdir -p "$tmp/no-lists"
    apt-get update --print-uris -o Dir::State::lists="$tmp/no-lists" 2>"$tmp/apt.log" |
        sed -n "s|^'\([^']*[^/]\)/*/dists/\([^/]*\)/InRelease'.*|\2 \1|p" |
        awk -v own="$codename" '
            $1 == own { exact = $2; exit }
            $1 !~ /-security$/ && !other { other = $2 }
            END { print exact ? exact : other }'
}

# Downloads rust-src of `$release` and the wasi-libc beside it, and unpacks the parts that
# are needed to `$tmp/rust` and `$tmp/wasi-libc`.
debian_sources() {
    local mirror keyring options suite rust_src wasi_libc
    mirror=$(debian_mirror) || mirror=
    [ -n "$mirror" ] || fail 1 "apt's configuration names no Debian mirror" \
        "add one to /etc/apt/sources.list.d, or run this where rustup's host is reachable"

    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    options="targets=Packages"
    [ ! -e "$keyring" ] || options="signed-by=$keyring $options"
    mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial" "$tmp/apt/packages"
    local apt=(
        -o Dir::State::lists="$tmp/apt/lists" -o Dir::Cache="$tmp/apt/cache"
        -o Dir::Etc::sourcelist="$tmp/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
        -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30
        # apt's own user cannot enter a private directory; signatures are checked all the same.
        -o APT::Sandbox::User="$(id -un)"
    )

    for suite in "${suites[@]}"; do
        echo "deb [$options] $mirror $suite main" >"$tmp/apt/sources.list"
        say "looking for rust-src $release in $suite"
        bounded 300 apt-get -q "${apt[@]}" update >"$tmp/apt.log" 2>&1 || true
        rust_src=$(apt-cache "${apt[@]}" madison rust-src |
            awk -v wanted="$release+" 'index($3, wanted) == 1 && !n++ { print $3 }')
        wasi_libc=$(apt-cache "${apt[@]}" madison wasi-libc | awk '!n++ { print $3 }')
        [ -z "$rust_src" ] || [ -z "$wasi_libc" ] || break
    done
    if [ -z "$rust_src" ] || [ -z "$wasi_libc" ]; then
        cat "$tmp/apt.log" >&2
        fail 1 "no suite of $mirror has rust-src $release (looked in ${suites[*]})" \
            "use a version of rustc that Debian has too, or run this where rustup's host is reachable"
    fi

    say "downloading rust-src $rust_src and wasi-libc $wasi_libc from $suite"
    if ! (cd "$tmp/apt/packages" && bounded 900 apt-get -q "${apt[@]}" download \
        "rust-src=$rust_src" "wasi-libc=$wasi_libc") >"$tmp/apt.log" 2>&1; then
        cat "$tmp/apt.log" >&2
        fail 1 "the download failed" "try again"
    fi
    mkdir "$tmp/rust" "$tmp/wasi-libc"
    dpkg --fsys-tarfile "$tmp"/apt/packages/rust-src_*.deb |
        tar -x -C "$tmp/rust" --wildcards --strip-components=4 './usr/src/rustc-*/library'
    dpkg -x "$tmp"/apt/packages/wasi-libc_*.deb "$tmp/wasi-libc"
    [ -e "$tmp/wasi-libc/usr/lib/$target/libc.a" ] ||
        fail 1 "wasi-libc $wasi_libc of $suite has nothing for $target" \
            "use a newer rustc, whose sources are in a newer suite"
}

# Builds `std` into `$tmp/build`. cargo looks for the sources inside the toolchain, so it
# is shown one that borrows everything but the sources from the real one.
build_std() {
    local toolchain=$tmp/toolchain crate=$tmp/crate separator=$'\x1f'
    mkdir -p "$toolchain/lib/rustlib/src" "$crate/src"
    ln -s "$sysroot/lib/rustlib/$host" "$toolchain/lib/rustlib/$host"
    ln -s "$tmp/rust" "$toolchain/lib/rustlib/src/rust"
    printf '#!/bin/sh\nexec "%s" --sysroot "%s" "$@"\n' "$(command -v "$rustc")" "$toolchain" \
        >"$tmp/rustc"
    chmod +x "$tmp/rustc"
    printf '[package]\nname = "empty"\nedition = "2024"\n[workspace]\n' >"$crate/Cargo.toml"
    : >"$crate/src/lib.rs"

    # The paths of this machine would end up in every guest. One codegen unit is how
    # the official `std` is built; the bitcode lets guests be built with LTO.
    local flags=(
        -Cembed-bitcode=yes
        "--remap-path-prefix=$toolchain/lib/rustlib/src/rust=/rustc/$commit"
        "--remap-path-prefix=${CARGO_HOME:-${HOME:-}/.cargo}=/rust/deps"
    )
    say "building std for $target (about a minute)"
    if ! (
        cd "$crate"
        unset CARGO_BUILD_TARGET RUSTFLAGS
        export RUSTC="$tmp/rustc" RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER=''
        export CARGO_TARGET_DIR="$tmp/build" CARGO_BUILD_BUILD_DIR="$tmp/build"
        export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
        CARGO_ENCODED_RUSTFLAGS=$(IFS=$separator && echo "${flags[*]}")
        export CARGO_ENCODED_RUSTFLAGS
        bounded 1800 cargo build --release --target "$target" \
            -Zbuild-std=std,panic_abort,proc_macro,test
    ) >"$tmp/build.log" 2>&1; then
        cat "$tmp/build.log" >&2
        fail 1 "std could not be built for $target" \
            "see above; cargo needs a C compiler, and the registry for the crates that std uses"
    fi
}

# Puts the target in place with one rename, so that it is there in full or not at all.
install_std() {
    local rustlib=$sysroot/lib/rustlib lib
    new=$(mktemp -d "$rustlib/.$target.XXXXXX")
    lib=$new/lib
    mkdir -p "$lib/self-contained"
    cp "$tmp/build/$target/release/deps"/*.rlib "$lib"
    rm "$lib"/libempty-*.rlib
    cp "$tmp/wasi-libc/usr/lib/$target"/* "$lib/self-contained"
    echo "std of rustc $release, built by guest-sdk/wasm-target.sh; remove this directory to undo" \
        >"$new/$mark"
    chmod -R u=rwX,go=rX "$new"
    # A second script at the same time may have been faster; what it installed is as good.
    mv -T "$new" "$rustlib/$target" 2>/dev/null || [ -e "$rustlib/$target/$mark" ]
    say "installed into $rustlib/$target"
}

debian_way() {
    local tool release host commit
    for tool in apt-get apt-cache dpkg cargo tar; do
        command -v "$tool" >/dev/null || fail 1 "without rustup this needs Debian and cargo, and there is no \`$tool\`" \
            "$manual_hint"
    done
    release=$("$rustc" -vV | sed -n 's/^release: //p')
    commit=$("$rustc" -vV | sed -n 's/^commit-hash: //p')
    host=$("$rustc" -vV | sed -n 's/^host: //p')
    case $release in
    *-*) fail 1 "Debian has no sources of rustc $release" "use a stable rustc, such as with \`rustup default stable\`" ;;
    esac
    [ -w "$sysroot/lib/rustlib" ] || fail 1 "the toolchain in $sysroot cannot be written to" \
        "run this script as the owner of $sysroot/lib/rustlib"
    [ ! -e "$sysroot/lib/rustlib/$target" ] ||
        fail 1 "$sysroot/lib/rustlib/$target is there, but $rustc cannot use it: $(head -n 1 "$tmp/probe.log")" \
            "remove that directory, and run this script again"
    debian_sources
    build_std
    install_std
}

way=${WASM_TARGET_WAY:-}
case $way in
'' | rustup | debian) ;;
*) fail 2 "WASM_TARGET_WAY is \`$way\`" "it can be \`rustup\` or \`debian\`, or left out for both" ;;
esac
command -v "$rustc" >/dev/null ||
    fail 2 "there is no \`$rustc\`" "install Rust (https://www.rust-lang.org/tools/install)"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/wasm-target.XXXXXX")
new=
trap 'rm -rf "$tmp" ${new:+"$new"}' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if can_build; then
    exit 0
fi
sysroot=$("$rustc" --print sysroot)
manual_hint="unpack \`rust-std\` for $target of $("$rustc" --version) into $sysroot, or run this where rustup works"
say "$("$rustc" --version) cannot build for $target yet"
# What an earlier run built for an earlier rustc would be in the way of both.
if [ -e "$sysroot/lib/rustlib/$target/$mark" ]; then
    say "removing what was built for another version of rustc"
    rm -r "${sysroot:?}/lib/rustlib/$target"
fi

case $way in
rustup) rustup_way || fail 1 "rustup cannot provide $target" "leave WASM_TARGET_WAY out to try Debian's sources, too" ;;
debian) debian_way ;;
*) rustup_way || debian_way ;;
esac
if ! can_build -Clto; then
    cat "$tmp/probe.log" >&2
    fail 1 "$target is installed, but \`$rustc\` still cannot build for it" "see above for what it says"
fi
say "$rustc can build for $target"

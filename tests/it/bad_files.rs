//! A file that is not a valid component is refused: the command ends with exit code 2, says
//! why and what to do about it, and keeps nothing of the file.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use insta_cmd::assert_cmd_snapshot;
use test_support::{Home, guest};

use super::{deploy, everything, home, steady};

/// A home where something is deployed already.
fn used_home() -> Home {
    let home = home();
    deploy(&home, "nesting", &[]);
    home
}

fn file(home: &Home, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = home.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

/// Each mistake, in the order in which people make them.
#[test]
fn what_is_no_component_is_refused() {
    let home = used_home();
    let _steady = steady(&home);
    let before = everything(&home);

    assert_cmd_snapshot!(home.cmd(["deploy", "missing.wasm"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: the file `missing.wasm` does not exist
    hint: `cargo build --release --target wasm32-wasip2` writes target/wasm32-wasip2/release/<crate>.wasm, if the crate's Cargo.toml has `crate-type = ["cdylib"]` under `[lib]`
    "#);
    assert_cmd_snapshot!(home.cmd(["deploy", "."]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `.` is a directory
    hint: name the `.wasm` file in it
    ");
    file(&home, "empty.wasm", "");
    assert_cmd_snapshot!(home.cmd(["deploy", "empty.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `empty.wasm` cannot be used: it is empty
    hint: build the crate with `cargo build --release --target wasm32-wasip2` and deploy target/wasm32-wasip2/release/<crate>.wasm
    ");
    file(&home, "script.wasm", "#!/bin/sh\necho hello\n");
    assert_cmd_snapshot!(home.cmd(["deploy", "script.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `script.wasm` cannot be used: it is not WebAssembly: it begins with `#!/bin/sh\necho h`
    hint: build the crate with `cargo build --release --target wasm32-wasip2` and deploy target/wasm32-wasip2/release/<crate>.wasm
    ");
    let whole = fs::read(guest("nesting")).unwrap();
    file(&home, "half.wasm", &whole[..1000]);
    assert_cmd_snapshot!(home.cmd(["deploy", "half.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `half.wasm` cannot be used: it is truncated or damaged: failed to parse WebAssembly module: unexpected end-of-file (at offset [OFFSET])
    hint: build the crate with `cargo build --release --target wasm32-wasip2` and deploy target/wasm32-wasip2/release/<crate>.wasm
    ");

    assert_eq!(everything(&home), before);
}

#[test]
fn a_component_that_is_not_ours_is_refused() {
    let home = used_home();
    let _steady = steady(&home);
    let before = everything(&home);

    file(&home, "module.wasm", wat::parse_str("(module)").unwrap());
    assert_cmd_snapshot!(home.cmd(["deploy", "module.wasm"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `module.wasm` cannot be used: it is a core module, not a component
    hint: build for the target `wasm32-wasip2`, which makes components, with `crate-type = ["cdylib"]`
    "#);
    file(&home, "other.wasm", wat::parse_str("(component)").unwrap());
    assert_cmd_snapshot!(home.cmd(["deploy", "other.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `other.wasm` cannot be used: it is a component of another world: it does not export `orch:workflow/guest`
    hint: a flow crate depends on `guest-sdk` and has at least one `#[flow]`
    ");
    let newer = r#"(component (instance $it) (export "orch:workflow/guest@0.2.0" (instance $it)))"#;
    file(&home, "newer.wasm", wat::parse_str(newer).unwrap());
    assert_cmd_snapshot!(home.cmd(["deploy", "newer.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `newer.wasm` cannot be used: it was built for version 0.2.0 of `orch:workflow`, this host speaks 0.1.0
    hint: build it against the `guest-sdk` of this host's version
    ");

    assert_eq!(everything(&home), before);
}

#[test]
fn two_flows_of_one_name_are_refused() {
    let home = used_home();
    let _steady = steady(&home);
    let before = everything(&home);
    let twins = guest("twin_flows");
    let twins = twins.to_str().unwrap();
    assert_cmd_snapshot!(home.cmd(["deploy", twins]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `[GUESTS]/twin_flows.wasm` cannot be used: it declares two flows named `twin`
    hint: give one of them another name: `#[flow(name = "..")]`
    "#);
    assert_cmd_snapshot!(home.cmd(["run", twins, "--flow", "twin"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `[GUESTS]/twin_flows.wasm` cannot be used: it declares two flows named `twin`
    hint: give one of them another name: `#[flow(name = "..")]`
    "#);
    assert_cmd_snapshot!(home.cmd(["component", "inspect", twins]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `[GUESTS]/twin_flows.wasm` cannot be used: it declares two flows named `twin`
    hint: give one of them another name: `#[flow(name = "..")]`
    "#);
    assert_eq!(everything(&home), before);
}

/// What is no regular file is not waited for, whatever it would give.
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let home = used_home();
    let _steady = steady(&home);
    let pipe = home.path().join("pipe.wasm");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_cmd_snapshot!(home.cmd(["deploy", "pipe.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `pipe.wasm` is a pipe, not a regular file
    hint: write it into a file, and name that
    ");
    assert_cmd_snapshot!(home.cmd(["run", "./pipe.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `./pipe.wasm` is a pipe, not a regular file
    hint: write it into a file, and name that
    ");
    assert_cmd_snapshot!(home.cmd(["deploy", "/dev/zero"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `/dev/zero` is a device, not a regular file
    hint: write it into a file, and name that
    ");
    assert_cmd_snapshot!(home.cmd(["component", "inspect", "/dev/zero"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `/dev/zero` is a device, not a regular file
    hint: write it into a file, and name that
    ");
    let _socket = UnixListener::bind(home.path().join("socket.wasm")).unwrap();
    assert_cmd_snapshot!(home.cmd(["deploy", "socket.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `socket.wasm` is a socket, not a regular file
    hint: write it into a file, and name that
    ");
}

#[test]
fn what_is_too_large_is_not_read() {
    let home = used_home();
    let _steady = steady(&home);
    let sparse = fs::File::create(home.path().join("sparse.wasm")).unwrap();
    sparse.set_len((64 << 20) + 1).unwrap();
    assert_cmd_snapshot!(home.cmd(["deploy", "sparse.wasm"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `sparse.wasm` is too large; the limit on its size is 64.00 MiB
    hint: build it with `--release`, which makes it smaller
    ");
    // Nor are parameters, from wherever they come. A device has no size to begin with.
    let zero = ["run", "nest", "--params", "@/dev/zero"];
    assert_cmd_snapshot!(home.cmd(zero), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `/dev/zero` is too large; the limit on its size is 64.00 MiB
    hint: a flow takes less: pass a part of it
    ");
}

/// A file that is refused takes nothing of a deployment that works.
#[test]
fn a_refused_file_leaves_the_deployment_that_was_there() {
    let home = used_home();
    let _worker = super::worker(&home, &[]);
    file(&home, "nesting.wasm", "garbage");
    home.run(["deploy", "nesting.wasm"]).fails(2);
    let ran = super::watch(&home, "nest", &["-p", "depth=1"]).ok();
    assert_eq!(ran.stdout, "1\n");
}

//! Processes that do something else than to compile: whatever they do, whoever asked gets an
//! answer in time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use orch_host_wasm::{CompileLimits, Compiling, Runtime, RuntimeConfig};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// What comes of a component when this shell script is to compile it.
fn compiled_by(script: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let program: PathBuf = dir.path().join("compiler");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let runtime = Runtime::new(RuntimeConfig {
        compiling: Compiling::Child(program),
        compile_limits: CompileLimits {
            time_max: Duration::from_secs(3),
            code_max: 1 << 20,
            ..CompileLimits::default()
        },
        ..RuntimeConfig::default()
    })
    .unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let described = tokio.block_on(runtime.describe(COMPONENT));
    described.unwrap_err().to_string()
}

#[track_caller]
fn check(script: &str, expect: &str) {
    assert_eq!(compiled_by(script), expect);
}

#[test]
fn a_process_that_does_not_end_is_ended() {
    let late = "compiling took longer than 3s, the limit on the time for compiling";
    check("exec sleep 1000", late);
    // It takes its input, and closes its output.
    check(
        "cat > /dev/null; exec 1>&- 2>&-; exec sleep 1000",
        "compiling it crashed the compiler: signal: 9 (SIGKILL); it said nothing",
    );
}

#[test]
fn a_process_that_says_too_much_is_heard_only_so_far() {
    check(
        "exec cat /dev/zero",
        "compiling took more than 1.00 MiB of code, the limit on compiled code",
    );
    let said = "compiling it crashed the compiler: exit status: 1; it said: ";
    check(
        "i=0; while [ $i -lt 99 ]; do echo trouble $i >&2; i=$((i+1)); done; exit 1",
        &format!("{said}trouble 0"),
    );
}

#[test]
fn a_process_that_answers_nonsense_is_not_believed() {
    for script in [
        "exit 0",
        "printf 'abcdefgh'",
        "printf '\\004\\000\\000\\000null'",
        // It says that code follows, and stops.
        "printf '\\026\\000\\000\\000{\"Code\":{\"bytes\":1000}}'",
    ] {
        let said = compiled_by(script);
        assert_eq!(
            said, "compiling it crashed the compiler: exit status: 0; it said nothing",
            "{script}"
        );
    }
}

#[test]
fn a_process_that_cannot_be_started_is_nobodys_fault() {
    let runtime = Runtime::new(RuntimeConfig {
        compiling: Compiling::Child("/no/such/program".into()),
        ..RuntimeConfig::default()
    });
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let described = tokio.block_on(runtime.unwrap().describe(COMPONENT));
    assert_eq!(
        described.unwrap_err().to_string(),
        "this machine could not check it: No such file or directory (os error 2)"
    );
}

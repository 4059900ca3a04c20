//! Programs that know nothing of this server but its description.
//!
//! Where they are not installed, their stories are left out, and say so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use test_support::{Home, Server, left_out};

use super::{deploy, home, start};

/// The tools' place, if they are there.
fn tools() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/strangers");
    if place.join("installed.txt").exists() {
        return Some(place.join("bin"));
    }
    left_out(
        "stories about programs that read the description",
        "tests/strangers/install.sh",
    );
    None
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout);
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{text}\n{said}");
    text.into_owned()
}

fn token(home: &Home, role: &str) -> String {
    let made = home.run(["token", "create", role, "--role", role]).ok();
    made.stdout.trim().to_owned()
}

/// Thousands of requests that the description allows or forbids: each answer is one that it
/// names, in the form that it gives, and none is a fault of the server.
fn asks_everything(role: &str) {
    let Some(tools) = tools() else {
        return;
    };
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    deploy(&home, "inputs", &[]);
    let server = Server::start(&home, &["--worker"]);
    start(&home, "echo", &["-p", "value=known"]);
    let token = token(&home, role);
    run(Command::new(tools.join("st"))
        .arg("run")
        .arg(format!("http://{}/openapi.json", server.address))
        .args(["-H", &format!("Authorization: Bearer {token}")])
        // The same requests each time.
        .args(["--seed", "7", "--generation-deterministic", "-n", "12"])
        .args(["--warnings", "off"])
        // What fits the form may still name nothing, and a missing `If-Match` is a 428.
        .arg("--exclude-checks=positive_data_acceptance,missing_required_header")
        // It cannot make components.
        .args(["--exclude-operation-id", "upload_component"])
        .arg("--continue-on-failure")
        .current_dir(home.path()));
    // After all of that it is as it was.
    server.get("/v1/whoami");
    assert!(!server.process.stderr().contains("panicked"));
}

#[test]
fn a_viewer_asks_everything() {
    asks_everything("viewer");
}

#[test]
fn an_operator_asks_everything() {
    asks_everything("operator");
}

#[test]
fn an_admin_asks_everything() {
    asks_everything("admin");
}

#[test]
fn a_generated_client_starts_a_run_and_follows_it() {
    let Some(tools) = tools() else {
        return;
    };
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    let server = Server::start(&home, &["--worker"]);
    let description = home.path().join("openapi.json");
    std::fs::write(
        &description,
        server.plain("GET", "/openapi.json").send().body,
    )
    .unwrap();
    run(Command::new(tools.join("openapi-python-client"))
        .args([
            "generate",
            "--meta",
            "none",
            "--output-path",
            "orch",
            "--path",
        ])
        .arg(&description)
        .current_dir(home.path()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/strangers/follow.py");
    let printed = run(Command::new(tools.join("python"))
        .arg(script)
        .arg(format!("http://{}", server.address))
        .args([&*token(&home, "operator"), "echo/echo-deployment"])
        .arg(r#"{"value": "said"}"#)
        .env("PYTHONPATH", home.path())
        .env("PYTHONDONTWRITEBYTECODE", "1"));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[..5],
        ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", r#""said""#],
        "{printed}"
    );
}

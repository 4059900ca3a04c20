//! Where the server listens: a socket that systemd has opened, a name, a public address.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use test_support::{Server, Worker, eventually};

use super::{SOON, home};

/// As systemd does it: the socket is open before the server is there, so what is asked meanwhile
/// waits, and is not refused.
#[test]
fn the_server_takes_the_socket_that_systemd_gives() {
    let home = home();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = std::process::Command::new("sh");
    let take = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" server start --port 1 3<&0 0</dev/null";
    command
        .args(["-c", take, env!("CARGO_BIN_EXE_orch-host")])
        .env_clear()
        .env("ORCH_HOME", home.path())
        .env("HOME", home.path())
        .env("PATH", std::env::var_os("PATH").unwrap())
        .current_dir(home.path())
        .stdin(Stdio::from(OwnedFd::from(listener)));
    let asked = std::net::TcpStream::connect(&address).unwrap();
    let process = Worker::of(command);
    eventually(SOON, || {
        process
            .stderr()
            .contains(&format!("Server started on http://{address};"))
    });
    drop(asked);
    let server = Server {
        process,
        address,
        token: std::fs::read_to_string(home.path().join("token"))
            .unwrap()
            .trim()
            .to_owned(),
    };
    server.get("/v1/whoami");
    server.process.sigint();
    assert_eq!(server.process.wait(), 0);
}

#[test]
fn a_public_address_is_known_and_shown() {
    let home = home();
    let process = home.start([
        "server",
        "start",
        "--port",
        "0",
        "--public-url",
        "https://orch.example",
    ]);
    eventually(SOON, || process.stderr().contains("Sign in once"));
    let said = process.stderr();
    assert!(
        said.contains("Server started on https://orch.example;"),
        "{said}"
    );
    assert!(
        said.contains("https://orch.example/sign-in?link="),
        "{said}"
    );
    for wrong in [
        "orch.example",
        "ftp://orch.example",
        "https://orch.example/x",
    ] {
        let refused = home.run(["server", "start", "--public-url", wrong]);
        assert!(refused.fails(2).stderr.contains("is no URL such as"));
    }
}

#[test]
fn a_host_that_is_none_of_this_machine_is_refused() {
    let home = home();
    let start = |host: &str| {
        let args = ["server", "start", "--port", "0", "--host", host];
        home.run(args).fails(2)
    };
    let nowhere = start("no such host");
    assert!(nowhere.stderr.contains("hint: name a host"), "{nowhere}");
    let certificate = home.run(["server", "start", "--tls-cert", "a.pem"]);
    assert!(certificate.fails(2).stderr.contains("--tls-key"));
}

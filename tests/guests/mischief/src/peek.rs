//! Tries to reach the outside, and reports what came of it.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    fs,
    io::Read,
    net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
};

/// Every attempt, with `ok: ..` or `refused: ..`.
pub fn everything() -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut note = |what: &str, result: String| {
        seen.insert(what.to_owned(), result);
    };
    note("read /etc/passwd", tell(fs::read_to_string("/etc/passwd")));
    note("list /", tell(list("/")));
    note("list .", tell(list(".")));
    note(
        "write /tmp/mischief",
        tell(fs::write("/tmp/mischief", "was here")),
    );
    note("write mischief", tell(fs::write("mischief", "was here")));
    note("environment", environment());
    note(
        "arguments",
        format!("ok: {:?}", std::env::args().collect::<Vec<_>>()),
    );
    note("stdin", tell(stdin()));
    note(
        "connect 127.0.0.1:22",
        tell(TcpStream::connect("127.0.0.1:22")),
    );
    note("listen 127.0.0.1:0", tell(TcpListener::bind("127.0.0.1:0")));
    note("udp 127.0.0.1:0", tell(UdpSocket::bind("127.0.0.1:0")));
    note("resolve localhost", tell(resolve()));
    seen
}

fn tell<T: Debug, E: ToString>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => format!("ok: {value:?}"),
        Err(error) => format!("refused: {}", error.to_string()),
    }
}

fn list(path: &str) -> std::io::Result<Vec<String>> {
    fs::read_dir(path)?
        .map(|entry| Ok(entry?.path().display().to_string()))
        .collect()
}

fn environment() -> String {
    match std::env::vars().count() {
        0 => "refused: empty".into(),
        n => format!("ok: {n} variables"),
    }
}

fn stdin() -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text)?;
    match read {
        0 => Err(std::io::Error::other("empty")),
        _ => Ok(text),
    }
}

fn resolve() -> std::io::Result<Vec<String>> {
    Ok("localhost:80"
        .to_socket_addrs()?
        .map(|address| address.to_string())
        .collect())
}

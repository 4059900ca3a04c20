//! A task that asks a web server, to see what a grant opens.

use std::io::{Read, Write};
use std::net::TcpStream;

use guest_sdk::prelude::*;

/// The body of a page. The server can tell a repetition by the key.
#[task]
fn get(address: String) -> Result<String> {
    let key = match context().task() {
        Ok(task) => task.idempotency_key().to_owned(),
        Err(_) => "none in a flow".into(),
    };
    let mut stream = TcpStream::connect(&address)?;
    write!(
        stream,
        "GET / HTTP/1.0\r\nHost: {address}\r\nIdempotency-Key: {key}\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split("\r\n\r\n").nth(1);
    Ok(body.context("an answer without a body")?.to_owned())
}

/// Asks in a task, which may be allowed to.
#[flow]
fn ask(address: String) -> Result<String> {
    get(address)
}

/// Asks in a task that is tried again at once.
#[flow]
fn ask_again(address: String) -> Result<String> {
    get::options().retries(1).call(address)
}

/// Asks so often, once after the other.
#[flow]
fn ask_often(address: String, times: u32) -> Result<u32> {
    for _ in 0..times {
        get(address.clone())?;
    }
    Ok(times)
}

/// Asks in the flow, which never is.
#[flow]
fn ask_in_the_flow(address: String) -> Result<String> {
    get::call(address)
}

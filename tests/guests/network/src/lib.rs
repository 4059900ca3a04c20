//! A task that asks a web server, to see what a grant opens.

use std::io::{Read, Write};
use std::net::TcpStream;

use guest_sdk::prelude::*;

/// What the server can tell a repetition by.
fn key() -> String {
    match context().task() {
        Ok(task) => task.idempotency_key().to_owned(),
        Err(_) => "none in a flow".into(),
    }
}

/// The body of a page, by a socket of its own.
#[task]
fn get(address: String) -> Result<String> {
    let key = key();
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

/// The body of a page, by the host's HTTP.
#[task]
fn request(address: String) -> Result<String> {
    let request = http::get(format!("http://{address}/")).header("idempotency-key", key());
    request.send()?.text()
}

/// Sends a request in a task.
#[flow]
fn request_once(address: String) -> Result<String> {
    request(address)
}

/// Sends a request in a task that is tried again at once.
#[flow]
fn request_again(address: String) -> Result<String> {
    request::options().retries(1).call(address)
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

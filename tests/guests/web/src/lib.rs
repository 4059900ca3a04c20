//! Tasks that send requests to web servers, in every way that the SDK has.

use std::collections::BTreeMap;
use std::io::{self, Read};

use guest_sdk::prelude::*;

/// A request as a story wishes for it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Wish {
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    json: Option<Value>,
    form: Option<BTreeMap<String, String>>,
    body: Option<String>,
    basic: Option<(String, String)>,
    bearer: Option<String>,
    timeout_ms: Option<u64>,
    redirects: Option<u32>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            url: String::new(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            json: None,
            form: None,
            body: None,
            basic: None,
            bearer: None,
            timeout_ms: None,
            redirects: None,
        }
    }
}

impl Wish {
    fn request(&self) -> http::RequestBuilder {
        let mut request = http::request(&self.method, &self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(json) = &self.json {
            request = request.json(json);
        }
        if let Some(form) = &self.form {
            request = request.form(form);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, password);
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(ms) = self.timeout_ms {
            request = request.timeout(Duration::from_millis(ms));
        }
        if let Some(max) = self.redirects {
            request = request.redirects(max);
        }
        request
    }
}

/// What a server has answered.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Answer {
    status: u16,
    url: String,
    headers: BTreeMap<String, String>,
    text: String,
}

#[task]
fn ask(wish: Wish) -> Result<Answer> {
    let response = wish.request().send()?;
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value).into_owned();
        (name.to_owned(), value)
    });
    Ok(Answer {
        status: response.status(),
        url: response.url(),
        headers: headers.collect(),
        text: response.text()?,
    })
}

/// Sends one request in a task.
#[flow]
fn fetch(wish: Wish) -> Result<Answer> {
    ask(wish)
}

/// The same, with another attempt where that may help.
#[flow]
fn fetch_again(wish: Wish) -> Result<Answer> {
    ask::options().retries(1).call(wish)
}

/// Sends the request in the flow itself.
#[flow]
fn fetch_in_the_flow(wish: Wish) -> Result<Answer> {
    ask::call(wish)
}

#[task]
fn value_of(wish: Wish) -> Result<Value> {
    wish.request().send()?.error_for_status()?.json()
}

/// Takes an answer for JSON, and only one of success.
#[flow]
fn fetch_json(wish: Wish) -> Result<Value> {
    value_of(wish)
}

/// So many bytes that are not held anywhere.
struct Bytes {
    left: u64,
}

impl Read for Bytes {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.left.min(buf.len() as u64) as usize;
        for (at, byte) in buf[..count].iter_mut().enumerate() {
            *byte = (self.left - at as u64) as u8;
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[task]
fn send_much(url: String, mib: u64) -> Result<Value> {
    let body = Bytes { left: mib << 20 };
    let response = http::post(url).body_reader(body).send()?;
    response.error_for_status()?.json()
}

/// Uploads so much, as a stream.
#[flow]
fn upload(url: String, mib: u64) -> Result<Value> {
    send_much(url, mib)
}

#[task]
fn read_much(url: String) -> Result<u64> {
    let response = http::get(url).send()?.error_for_status()?;
    let read = io::copy(&mut response.reader(), &mut io::sink())?;
    Ok(read)
}

/// Downloads something as a stream, and counts it.
#[flow]
fn download(url: String) -> Result<u64> {
    read_much(url)
}

#[task]
async fn ask_all(urls: Vec<String>) -> Result<Vec<String>> {
    let text = async |url: String| http::get(url).send_async().await?.text_async().await;
    try_join_all(urls.into_iter().map(text)).await
}

/// Sends many requests at once, from one task.
#[flow]
async fn fetch_all(urls: Vec<String>) -> Result<Vec<String>> {
    ask_all(urls).await
}

#[task]
fn ask_quickly(url: String) -> Result<u16> {
    Ok(http::get(url).send()?.status())
}

/// Sends so many requests, each in a task, one after the other.
#[flow]
fn fetch_often(url: String, times: u32) -> Result<u32> {
    for _ in 0..times {
        ask_quickly(url.clone())?;
    }
    Ok(times)
}

//! A client that says exactly what a test tells it to, byte by byte if need be, and a server
//! to say it to.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Home, Worker};

/// How long a server may take to start, or to answer. Generous, because tests share few cores.
const LIMIT: Duration = Duration::from_secs(60);

/// A running `orch-host server start`. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    pub process: Worker,
    /// `127.0.0.1:4711`.
    pub address: String,
    /// The token of its machine, which may do all.
    pub token: String,
}

impl Server {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start(home: &Home, more: &[&str]) -> Self {
        let mut args = vec!["server", "start"];
        if !more.contains(&"--port") {
            args.extend(["--port", "0"]);
        }
        args.extend(more);
        let process = home.start(args);
        let begin = Instant::now();
        let address = loop {
            let said = process.stderr();
            // The last line that is needed is complete once the one after it is there.
            if said.contains("Sign in once")
                && let Some(address) = between(&said, "Server started on http://", ";")
            {
                break address;
            }
            assert!(!process.has_ended(), "the server ended:\n{said}");
            assert!(begin.elapsed() < LIMIT, "the server is not ready:\n{said}");
            thread::sleep(Duration::from_millis(5));
        };
        let token = std::fs::read_to_string(home.path().join("token")).unwrap();
        Self {
            process,
            address,
            token: token.trim().to_owned(),
        }
    }

    /// The path of the link by which one signs in.
    #[track_caller]
    pub fn link(&self) -> String {
        let said = self.process.stderr();
        let begin = format!("http://{}", self.address);
        between(&said, &format!("15 minutes: {begin}"), "\n").unwrap()
    }

    /// A request by the bearer of the machine's token.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        self.plain(method, path).token(&self.token)
    }

    /// A request by nobody.
    pub fn plain(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![("Host".to_owned(), self.address.clone())],
            body: Vec::new(),
        }
    }

    /// What a GET gives.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path).send().ok().json()
    }

    /// What a POST of JSON gives.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path).json(body).send().ok().json()
    }
}

/// The text between two others.
fn between(text: &str, begin: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(begin)?;
    let (found, _) = rest.split_once(end)?;
    Some(found.to_owned())
}

/// A request that is being made.
#[derive(Clone, Debug)]
pub struct Ask {
    address: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// Sets a header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    #[must_use]
    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", kind)
    }

    /// The bytes of the head.
    pub fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let is_given = |wanted: &str| {
            let mut names = self.headers.iter().map(|(name, _)| name);
            names.any(|name| name.eq_ignore_ascii_case(wanted))
        };
        if !is_given("Connection") {
            head += "Connection: close\r\n";
        }
        let has_body = !self.body.is_empty() || self.method == "POST";
        if has_body && !is_given("Content-Length") && !is_given("Transfer-Encoding") {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        head + "\r\n"
    }

    /// Opens a connection of its own, and says nothing yet.
    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    #[track_caller]
    pub fn send(&self) -> Answer {
        let mut stream = self.connect();
        // A server that refuses does not read to the end.
        let _ = stream.write_all(self.head().as_bytes());
        let _ = stream.write_all(&self.body);
        Answer::read(stream)
    }
}

/// What a server answered.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads to the end of the connection.
    #[track_caller]
    pub fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer is no loss.
        if let Err(error) = stream.read_to_end(&mut bytes) {
            assert!(!bytes.is_empty(), "no answer: {error}");
        }
        Self::parse(&bytes).unwrap_or_else(|| {
            let said = String::from_utf8_lossy(&bytes);
            panic!("no answer of HTTP: {said:?}")
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|at| at == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(&answer.body);
        }
        Some(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|err| panic!("no JSON ({err}): {self:?}"))
    }

    /// Fails the test unless it is a success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{self:?}");
        self
    }

    /// Fails the test unless it is a problem of this status and kind, which says what the
    /// request is called. Gives its document.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        let is_problem = self.header("content-type") == Some("application/problem+json");
        assert!(is_problem, "{self:?}");
        let problem = self.json();
        assert_eq!(
            problem["type"],
            format!("/docs/problems#{kind}"),
            "{self:?}"
        );
        assert_eq!(problem["status"], status, "{self:?}");
        let id = problem["request_id"].as_str();
        assert_eq!(id, self.header("x-request-id"), "{self:?}");
        problem
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let begin: String = text.chars().take(2000).collect();
        write!(f, "{} {:?}\n{begin}", self.status, self.headers)
    }
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

/// A stream of server-sent events that is being read.
#[derive(Debug)]
pub struct Stream {
    lines: BufReader<TcpStream>,
    pub status: u16,
}

impl Ask {
    /// Opens a stream. `last`: the id of the last event that was had.
    #[track_caller]
    pub fn follow(self, last: Option<&str>) -> Stream {
        self.try_follow(last).unwrap()
    }

    /// The same where the server may be gone.
    pub fn try_follow(self, last: Option<&str>) -> io::Result<Stream> {
        let mut ask = self.header("Accept", "text/event-stream");
        if let Some(last) = last {
            ask = ask.header("Last-Event-ID", last);
        }
        let mut stream = TcpStream::connect(&ask.address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(ask.head().as_bytes())?;
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Stream { lines, status })
    }
}

/// Until the stream ends, for whatever reason. The sizes of the parts that the body is sent in
/// stand on lines of their own, and no line of an event looks like one.
impl Iterator for Stream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (mut id, mut kind, mut data) = (String::new(), String::new(), None);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => id = text.to_owned(),
                Some(("event", text)) => kind = text.to_owned(),
                Some(("data", text)) => data = serde_json::from_str(text).ok(),
                _ => {}
            }
            if line == "\n"
                && let Some(data) = data.take()
            {
                return Some(Event { id, kind, data });
            }
        }
    }
}

/// The parts of a body that is sent in parts, as far as they have come.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|at| at == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        let from = end + 2;
        let Some(part) = bytes.get(from..(from + size).min(bytes.len())) else {
            break;
        };
        body.extend_from_slice(part);
        match bytes.get(from + size + 2..) {
            Some(rest) if size > 0 => bytes = rest,
            _ => break,
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_head_and_a_body() {
        let answer = Answer::parse(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\n\r\nbody").unwrap();
        assert_eq!((answer.status, answer.header("x-a")), (404, Some("b")));
        assert_eq!(answer.text(), "body");
        assert!(Answer::parse(b"nonsense").is_none());
    }

    #[test]
    fn parts_are_put_together() {
        assert_eq!(unchunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
        assert_eq!(unchunked(b"3\r\nabc\r\n5\r\nde"), b"abcde");
    }
}

//! An answer.

use std::io::{self, Read};

use serde::de::DeserializeOwned;

use super::{headers::Headers, url::Url, wire};
use crate::{Error, ErrorKind, Result, executor::block_on};

/// How much of a body is read at once, in bytes.
const PART: usize = 64 << 10;

/// How much of a body is shown where it explains an error, in bytes.
const SHOWN_MAX: usize = 200;

/// An answer of a server. Its body is read when it is asked for.
pub struct Response {
    method: String,
    url: Url,
    status: u16,
    head: wire::Head,
    body: wire::Incoming,
    deadline: Option<wire::Deadline>,
}

impl Response {
    pub(super) fn new(
        method: String,
        url: Url,
        status: u16,
        head: wire::Head,
        body: wire::Incoming,
        deadline: Option<wire::Deadline>,
    ) -> Self {
        Self {
            method,
            url,
            status,
            head,
            body,
            deadline,
        }
    }

    /// The status, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of success: 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Where the answer came from, after all redirects; without its query.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        self.head.headers()
    }

    /// An error unless the status is one of success, with the beginning of the body, which often
    /// says why. `Permanent` if the same request would be answered in the same way: 400 to 499,
    /// without 408, 425 and 429.
    pub fn error_for_status(mut self) -> Result<Self> {
        if self.is_success() {
            return Ok(self);
        }
        let mut start = Vec::new();
        while start.len() < SHOWN_MAX {
            match block_on(self.body.part(PART, self.deadline.as_ref()))? {
                Ok(Some(part)) => start.extend(part),
                Ok(None) | Err(_) => break,
            }
        }
        let kind = match self.status {
            408 | 425 | 429 => ErrorKind::Error,
            400..500 => ErrorKind::Permanent,
            _ => ErrorKind::Error,
        };
        let (method, url, status) = (&self.method, &self.url, self.status);
        let shown = shown(&start);
        let message = if shown.is_empty() {
            format!("{method} {url}: answered with status {status}")
        } else {
            format!("{method} {url}: answered with status {status}: {shown}")
        };
        Err(Error::of_kind(kind, message))
    }

    /// The whole body.
    pub fn bytes(self) -> Result<Vec<u8>> {
        block_on(self.bytes_async())?
    }

    /// The whole body as text. What is not UTF-8 is replaced.
    pub fn text(self) -> Result<String> {
        block_on(self.text_async())?
    }

    /// The value that the body is the JSON of.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        block_on(self.json_async())?
    }

    /// The whole body. Other futures of the task go on meanwhile.
    pub async fn bytes_async(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(part) = self.part().await? {
            bytes.extend(part);
        }
        Ok(bytes)
    }

    /// The whole body as text, as [`text`](Self::text) gives it.
    pub async fn text_async(self) -> Result<String> {
        let bytes = self.bytes_async().await?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(err) => String::from_utf8_lossy(err.as_bytes()).into_owned(),
        })
    }

    /// The value that the body is the JSON of.
    pub async fn json_async<T: DeserializeOwned>(self) -> Result<T> {
        let what = format!("{} {}", self.method, self.url);
        let bytes = self.bytes_async().await?;
        serde_json::from_slice(&bytes).map_err(|err| {
            let shown = shown(&bytes);
            let message =
                format!("{what}: the answer does not fit: {err}; it begins with: {shown}");
            Error::of_kind(ErrorKind::Error, message)
        })
    }

    /// Reads the body as it comes: it need not fit into memory.
    pub fn reader(self) -> BodyReader {
        BodyReader {
            response: self,
            read: Vec::new(),
            at: 0,
        }
    }

    async fn part(&mut self) -> Result<Option<Vec<u8>>> {
        let part = self.body.part(PART, self.deadline.as_ref()).await;
        part.map_err(|it| it.of(&self.method, &self.url))
    }
}

/// The beginning of a body, for people.
fn shown(body: &[u8]) -> String {
    let start = String::from_utf8_lossy(&body[..body.len().min(SHOWN_MAX)]);
    let words: Vec<&str> = start.split_whitespace().collect();
    words.join(" ")
}

/// Reads the body of an answer.
pub struct BodyReader {
    response: Response,
    read: Vec<u8>,
    at: usize,
}

impl Read for BodyReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.at == self.read.len() {
            let part = block_on(self.response.part()).and_then(|part| part);
            let part = part.map_err(|err| io::Error::other(format!("{err:#}")))?;
            (self.read, self.at) = (part.unwrap_or_default(), 0);
        }
        let rest = &self.read[self.at..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

//! Sends one request by `wasi:http`, and reads its answer.

use std::{cell::OnceCell, io::Read, rc::Rc, time::Duration};

use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{
            Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
            OutgoingRequest, Scheme, http_error_code,
        },
    },
    io::{
        poll::Pollable,
        streams::{InputStream, OutputStream, StreamError},
    },
};

use super::{body::Body, failure::Failed, headers::Headers, url::Url};
use crate::{
    ErrorKind,
    pollables::{Ready, timer},
};

/// How much of a reader is read at once, in bytes.
const PART: usize = 64 << 10;

/// Until when all of a request has to be done.
pub struct Deadline {
    timer: Rc<Pollable>,
    after: Duration,
}

impl Deadline {
    pub fn after(after: Duration) -> Self {
        let timer = timer(after);
        Self { timer, after }
    }
}

/// Waits until one of these is ready. Errs if that takes too long.
async fn ready(
    pollables: impl IntoIterator<Item = Rc<Pollable>>,
    deadline: Option<&Deadline>,
) -> Result<(), Failed> {
    let timer = deadline.map(|it| Rc::clone(&it.timer));
    Ready::any(pollables.into_iter().chain(timer)).await;
    in_time(deadline)
}

fn in_time(deadline: Option<&Deadline>) -> Result<(), Failed> {
    match deadline {
        Some(deadline) if deadline.timer.ready() => Err(Failed::new(
            ErrorKind::TimedOut,
            format!("not done within {:?}, its timeout", deadline.after),
        )),
        _ => Ok(()),
    }
}

/// Sends a request, and waits until its answer begins.
pub async fn exchange(
    method: &str,
    url: &Url,
    headers: &Headers,
    body: Body,
    deadline: Option<&Deadline>,
) -> Result<(u16, Head, Incoming), Failed> {
    let mut headers = headers.clone();
    if let Body::Bytes(bytes) = &body {
        headers.set("content-length", bytes.len().to_string());
    }
    let request = request(method, url, &headers)?;
    let outgoing = match body {
        Body::Empty => None,
        _ => Some(request.body().map_err(|()| odd("it has a body already"))?),
    };
    let answer = handle(request, None)?;
    let answered = Rc::new(answer.subscribe());
    if let Some(outgoing) = outgoing {
        send(outgoing, body, &answered, deadline).await?;
    }
    ready([answered], deadline).await?;
    taken(answer)
}

fn request(method: &str, url: &Url, headers: &Headers) -> Result<OutgoingRequest, Failed> {
    let fields: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let fields = Fields::from_list(&fields).map_err(|err| {
        let words = format!("a header cannot be set: {err}");
        Failed::new(ErrorKind::Permanent, words)
    })?;
    let request = OutgoingRequest::new(fields);
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match url.scheme().as_str() {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    // It is a GET unless it is said otherwise.
    let set = match method {
        Method::Get => Ok(()),
        method => request.set_method(&method),
    };
    let set = set
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&url.authority())))
        .and_then(|()| request.set_path_with_query(Some(&url.path_and_query())));
    set.map_err(|()| Failed::new(ErrorKind::Permanent, "the host takes no such request"))?;
    Ok(request)
}

/// Sends the body, unless the answer comes before its end.
async fn send(
    outgoing: OutgoingBody,
    body: Body,
    answered: &Rc<Pollable>,
    deadline: Option<&Deadline>,
) -> Result<(), Failed> {
    let stream = outgoing.write().map_err(|()| odd("it is sent already"))?;
    let sending = Sending {
        room: Rc::new(stream.subscribe()),
        stream,
        answered: Rc::clone(answered),
    };
    let sent = match body {
        Body::Empty => true,
        Body::Bytes(bytes) => sending.send(&bytes, deadline).await?,
        Body::Reader(reader) => sending.send_all(reader, deadline).await?,
    };
    drop(sending);
    // A body that is not finished ends the connection, and is not taken for a whole one.
    if sent {
        OutgoingBody::finish(outgoing, None)?;
    }
    Ok(())
}

struct Sending {
    /// Before the stream, which it belongs to.
    room: Rc<Pollable>,
    stream: OutputStream,
    answered: Rc<Pollable>,
}

impl Sending {
    /// Whether all was taken.
    async fn send(&self, mut bytes: &[u8], deadline: Option<&Deadline>) -> Result<bool, Failed> {
        while !bytes.is_empty() {
            in_time(deadline)?;
            let room = match self.stream.check_write() {
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                Err(_) => return Ok(false),
            };
            if room == 0 {
                ready([Rc::clone(&self.room), Rc::clone(&self.answered)], deadline).await?;
                if self.answered.ready() {
                    return Ok(false);
                }
                continue;
            }
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            if self.stream.write(part).is_err() {
                return Ok(false);
            }
            bytes = rest;
        }
        Ok(true)
    }

    async fn send_all(
        &self,
        mut reader: Box<dyn Read>,
        deadline: Option<&Deadline>,
    ) -> Result<bool, Failed> {
        let mut part = vec![0; PART];
        loop {
            let count = reader.read(&mut part).map_err(|err| {
                Failed::new(
                    ErrorKind::Error,
                    format!("its body could not be read: {err}"),
                )
            })?;
            if count == 0 {
                return Ok(true);
            }
            if !self.send(&part[..count], deadline).await? {
                return Ok(false);
            }
        }
    }
}

fn taken(answer: FutureIncomingResponse) -> Result<(u16, Head, Incoming), Failed> {
    let response = match answer.get() {
        Some(Ok(response)) => response?,
        Some(Err(())) | None => return Err(odd("its answer was taken already")),
    };
    let status = response.status();
    let body = response
        .consume()
        .map_err(|()| odd("its body was taken already"))?;
    let stream = body
        .stream()
        .map_err(|()| odd("its body was read already"))?;
    let head = Head {
        response,
        headers: OnceCell::new(),
    };
    let incoming = Incoming {
        more: None,
        stream,
        _body: body,
    };
    Ok((status, head, incoming))
}

/// The head of an answer. Its headers are asked for when somebody looks at them.
pub struct Head {
    response: IncomingResponse,
    headers: OnceCell<Headers>,
}

impl Head {
    pub fn headers(&self) -> &Headers {
        let ask = || self.response.headers().entries().into_iter().collect();
        self.headers.get_or_init(ask)
    }
}

fn odd(words: &str) -> Failed {
    Failed::new(
        ErrorKind::Crashed,
        format!("the request is in an odd state: {words}"),
    )
}

/// The body of an answer. Its parts are dropped in this order, each before what it is of.
pub struct Incoming {
    /// Once it was waited for.
    more: Option<Rc<Pollable>>,
    stream: InputStream,
    _body: IncomingBody,
}

impl Incoming {
    /// What has come of it, at most so many bytes. None: that was all.
    pub async fn part(
        &mut self,
        max: usize,
        deadline: Option<&Deadline>,
    ) -> Result<Option<Vec<u8>>, Failed> {
        loop {
            in_time(deadline)?;
            match self.stream.read(max as u64) {
                Ok(part) if part.is_empty() => {
                    let more = self
                        .more
                        .get_or_insert_with(|| Rc::new(self.stream.subscribe()));
                    ready([Rc::clone(more)], deadline).await?;
                }
                Ok(part) => return Ok(Some(part)),
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(err)) => {
                    return Err(match http_error_code(&err) {
                        Some(code) => code.into(),
                        None => Failed::new(ErrorKind::Error, err.to_debug_string()),
                    });
                }
            }
        }
    }
}

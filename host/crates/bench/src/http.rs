//! Just enough of HTTP/1.1 to measure a server of this machine: requests over a connection that
//! stays open, and streams of server-sent events.
//!
//! Not a client for programs: it trusts the server, and reads no more of an answer than is
//! needed.

use anyhow::{Context as _, ensure};
use futures::FutureExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A connection to a server, by somebody.
pub struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
    /// The lines of each request that say to whom and by whom it is.
    head: String,
}

pub struct Answer {
    pub status: u16,
    /// The first part of the header `Set-Cookie`: a name and its value.
    pub cookie: Option<String>,
    /// As it came: perhaps compressed.
    pub body: Vec<u8>,
    length: Length,
}

/// How long a body is.
#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunks,
}

async fn connected(address: &str) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

impl Connection {
    /// `who`: a header line.
    pub async fn open(address: &str, who: &str) -> anyhow::Result<Self> {
        Ok(Self {
            address: address.to_owned(),
            stream: connected(address).await?,
            head: format!("Host: {address}\r\n{who}\r\n"),
        })
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.ask("GET", path, "", "").await
    }

    /// A page or a document, compressed as for a browser.
    pub async fn get_compressed(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.ask("GET", path, "Accept-Encoding: gzip\r\n", "").await
    }

    pub async fn post(&mut self, path: &str, kind: &str, body: &str) -> anyhow::Result<Answer> {
        let length = body.len();
        let more = format!(
            "Content-Type: {kind}\r\nContent-Length: {length}\r\nSec-Fetch-Site: same-origin\r\n"
        );
        self.ask("POST", path, &more, body).await
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        more: &str,
        body: &str,
    ) -> anyhow::Result<Answer> {
        self.send(method, path, more, body).await?;
        let mut answer = self.read_head().await?;
        match answer.length {
            Length::Bytes(bytes) => {
                answer.body.resize(bytes, 0);
                self.stream.read_exact(&mut answer.body).await?;
            }
            Length::Chunks => while self.read_chunk(&mut answer.body).await? {},
        }
        Ok(answer)
    }

    /// Begins to follow events. The connection can be used for something else once
    /// [`more`](Self::more) says that the stream has ended.
    pub async fn follow(&mut self, path: &str) -> anyhow::Result<()> {
        let more = "Accept: text/event-stream\r\n";
        self.send("GET", path, more, "").await?;
        let answer = self.read_head().await?;
        ensure!(
            answer.status == 200,
            "`{path}` was answered {}",
            answer.status
        );
        Ok(())
    }

    /// Adds the next piece of a stream. Whether there was one.
    pub async fn more(&mut self, text: &mut Vec<u8>) -> anyhow::Result<bool> {
        self.read_chunk(text).await
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        more: &str,
        body: &str,
    ) -> anyhow::Result<()> {
        // A server hangs up on whoever asks nothing for a while.
        let mut next = [0];
        if let Some(Ok(0)) = self.stream.get_ref().peek(&mut next).now_or_never() {
            self.stream = connected(&self.address).await?;
        }
        let head = &self.head;
        let request = format!("{method} {path} HTTP/1.1\r\n{head}{more}\r\n{body}");
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    async fn read_head(&mut self) -> anyhow::Result<Answer> {
        let first = self.read_line().await?;
        let status = first.split(' ').nth(1).and_then(|it| it.parse().ok());
        let mut answer = Answer {
            status: status.with_context(|| format!("no answer: `{first}`"))?,
            cookie: None,
            body: Vec::new(),
            length: Length::Bytes(0),
        };
        loop {
            let line = self.read_line().await?;
            let Some((name, value)) = line.split_once(": ") else {
                return Ok(answer);
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => answer.length = Length::Bytes(value.parse()?),
                "transfer-encoding" => answer.length = Length::Chunks,
                "set-cookie" => answer.cookie = value.split(';').next().map(str::to_owned),
                _ => {}
            }
        }
    }

    async fn read_line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let whole = line.strip_suffix("\r\n");
        Ok(whole.context("the server has hung up")?.to_owned())
    }

    /// Adds the next chunk of a body. Whether there was one.
    async fn read_chunk(&mut self, to: &mut Vec<u8>) -> anyhow::Result<bool> {
        let length = usize::from_str_radix(&self.read_line().await?, 16)?;
        let begin = to.len();
        to.resize(begin + length, 0);
        self.stream.read_exact(&mut to[begin..]).await?;
        self.read_line().await?;
        Ok(length > 0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that says this to whoever comes, whatever it is asked.
    async fn server(said: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            // Until the client has gone.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        address
    }

    #[tokio::test]
    async fn answers_are_read_one_after_the_other() {
        let address = server(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nset-cookie: a=b; Path=/\r\n\r\nhello\
             HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
             HTTP/1.1 204 No Content\r\n\r\n",
        )
        .await;
        let mut connection = Connection::open(&address, "Cookie: x=y").await.unwrap();
        let first = connection.get("/").await.unwrap();
        assert_eq!((first.status, &first.body[..]), (200, &b"hello"[..]));
        assert_eq!(first.cookie.as_deref(), Some("a=b"));
        let second = connection.post("/", "text/plain", "x").await.unwrap();
        assert_eq!((second.status, &second.body[..]), (404, &b"abcde"[..]));
        let third = connection.get("/").await.unwrap();
        assert_eq!((third.status, third.body.len()), (204, 0));
    }

    #[tokio::test]
    async fn a_stream_is_read_piece_by_piece_to_its_end() {
        let address = server(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n\
             HTTP/1.1 500 Oh\r\n\r\n",
        )
        .await;
        let mut connection = Connection::open(&address, "Cookie: x=y").await.unwrap();
        connection.follow("/").await.unwrap();
        let mut text = Vec::new();
        assert!(connection.more(&mut text).await.unwrap());
        assert_eq!(text, b"one");
        assert!(connection.more(&mut text).await.unwrap());
        assert!(!connection.more(&mut text).await.unwrap());
        assert_eq!(text, b"onetwo");
        assert!(connection.follow("/").await.is_err());
    }
}

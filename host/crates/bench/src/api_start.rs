//! How long a program takes that starts a run over HTTP and follows its events to the end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::bed::Bed;
use crate::figures::{Sample, latencies};
use crate::http::Connection;
use crate::served::{Server, Token};

const START: &str = "/v1/deployments/empty/empty-deployment/runs";

/// A server with a worker in the same process, and a program with two connections to it that
/// stay open.
pub struct Starts {
    server: Server,
    bed: Bed,
    starting: Connection,
    following: Connection,
    /// Up to where the program has seen all events.
    seen: String,
}

/// A run, as far as it is read.
#[derive(Deserialize)]
struct Run {
    id: String,
}

/// A part of the events, as far as it is read.
#[derive(Deserialize)]
struct Part {
    items: Vec<serde::de::IgnoredAny>,
    next: String,
}

impl Starts {
    pub async fn begin(bed: Bed) -> anyhow::Result<Self> {
        let server = Server::start(&bed, &["--worker"]).await?;
        let token = Token::create(&bed).await?;
        let mut following = server.connect(&token).await?;
        let seen = newest(&mut following).await?;
        Ok(Self {
            starting: server.connect(&token).await?,
            following,
            seen,
            server,
            bed,
        })
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        drop(self.server);
        self.bed.clear().await
    }

    /// Runs one after the other, for about `long`.
    pub async fn measure(&mut self, long: Duration) -> anyhow::Result<Vec<Sample>> {
        let (begin, mut took) = (Instant::now(), Vec::new());
        while took.is_empty() || begin.elapsed() < long {
            let begun = Instant::now();
            self.one().await?;
            took.push(begun.elapsed());
        }
        Ok(latencies(&took))
    }

    async fn one(&mut self) -> anyhow::Result<()> {
        let started = self.starting.post(START, "application/json", "{}").await?;
        let status = started.status;
        ensure!(status == 201, "starting a run was answered {status}");
        let Run { id } = serde_json::from_slice(&started.body)?;
        let events = format!("/v1/flow-runs/{id}/events?after={}", self.seen);
        self.following.follow(&events).await?;
        let mut text = Vec::new();
        while self.following.more(&mut text).await? {}
        let text = String::from_utf8(text)?;
        ensure!(
            text.contains(r#""type":"COMPLETED""#),
            "a measured flow run did not complete: {text}"
        );
        self.seen = place_of_end(&text)?.to_owned();
        Ok(())
    }
}

/// The place of the last event of all.
async fn newest(connection: &mut Connection) -> anyhow::Result<String> {
    let mut path = "/v1/events".to_owned();
    loop {
        let answer = connection.get(&path).await?;
        let said = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "`{path}` was answered: {said}");
        let part: Part = serde_json::from_slice(&answer.body)?;
        if part.items.is_empty() {
            return Ok(part.next);
        }
        path = format!("/v1/events?cursor={}", part.next);
    }
}

/// Where all others go on that have followed to this end.
fn place_of_end(text: &str) -> anyhow::Result<&str> {
    let end = text.rsplit("id: ").next().unwrap_or_default();
    let place = end.split_once(".end\nevent: end\n");
    Ok(place.context("a stream without an end")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_on_after_the_end() {
        let text = "id: 7-a.1\nevent: log\ndata: {}\n\nid: 9-a.end\nevent: end\ndata: {}\n\n";
        assert_eq!(place_of_end(text).unwrap(), "9-a");
        assert!(place_of_end("id: 7-a.1\nevent: log\ndata: {}\n\n").is_err());
    }
}

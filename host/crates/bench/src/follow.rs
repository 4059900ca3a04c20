//! Very many who follow one busy run over HTTP: what each takes of the server's memory, and how
//! long a change takes to all of them.
//!
//! Nobody executes the run: this process records its changes as a worker would, at a steady
//! rate, so that the figures are those of the streams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use model::{Lease, Timestamp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;
use store::{Clock, Progress};
use tokio::task::JoinSet;

use crate::bed::Bed;
use crate::figures::{Sample, Unit, percentile};
use crate::filling::Filling;
use crate::http::Connection;
use crate::large_runs::task;
use crate::served::{Server, Token};

const STREAMS: usize = 1000;

/// Streams that a server lets one token have.
const STREAMS_OF_TOKEN: usize = 16;

/// Files that this process and the server may need to have open.
const FILES: u64 = 4096;

/// Between two records, each of a task: it is new, and has ended.
const PAUSE: Duration = Duration::from_millis(25);

/// After this a server that was just asked has settled.
const SETTLE: Duration = Duration::from_millis(500);

pub async fn follow(bed: Bed, long: Duration) -> anyhow::Result<Vec<Sample>> {
    allow_files()?;
    let server = Server::start(&bed, &[]).await?;
    let filling = Filling::begin(&bed, 0).await?;
    let lease = filling.begun().await?;
    let tokens = tokens(&bed).await?;
    let path = format!("/v1/flow-runs/{}/events", lease.run);
    let mut readers = JoinSet::new();
    // One stream before, so that what the first one needs is not counted.
    let mut before = None;
    // One after the other: a server answers only so many requests at once.
    for n in 0..STREAMS {
        let mut connection = server.connect(&tokens[n % tokens.len()]).await?;
        connection.follow(&path).await?;
        readers.spawn(read(connection, Arc::clone(bed.store.clock())));
        if n == 0 {
            tokio::time::sleep(SETTLE).await;
            before = Some(server.process.memory()?);
        }
    }
    let before = before.context("there are streams")?;
    tokio::time::sleep(SETTLE).await;
    let quiet = server.process.memory()?;

    let begin = Instant::now();
    let changes = change(&filling, lease, long).await?;
    let busy = server.process.memory()?;
    filling.complete(lease).await?;
    let mut delays = Vec::new();
    while let Some(read) = readers.join_next().await {
        let mut of_stream = read??;
        // Each record is a change of a task run, and the last one of the run.
        anyhow::ensure!(
            of_stream.len() > changes,
            "a stream has not told everything"
        );
        delays.append(&mut of_stream);
    }
    let others = (STREAMS - 1) as f64;
    let per_stream = |memory: f64| {
        let bytes = (memory - before.resident) / others;
        Sample::new("", Unit::Bytes, bytes)
    };
    let samples = vec![
        Sample::mib("memory before", before.resident),
        Sample {
            name: "a quiet stream".into(),
            ..per_stream(quiet.resident)
        },
        Sample {
            name: "a busy stream".into(),
            ..per_stream(busy.resident)
        },
        Sample::ms("written to read, p50", percentile(&delays, 500)),
        Sample::ms("written to read, p99", percentile(&delays, 990)),
        Sample::rate("read", delays.len(), begin.elapsed()),
    ];
    drop(server);
    drop(filling);
    bed.clear().await?;
    Ok(samples)
}

/// Records changes of a run, one task each, for about `long`. How many.
async fn change(filling: &Filling<'_>, lease: Lease, long: Duration) -> anyhow::Result<usize> {
    let (begin, mut changes) = (Instant::now(), 0);
    while changes == 0 || begin.elapsed() < long {
        let (entry, settled, task_run) = task(filling, lease.run, changes)?;
        let mut progress = Progress::new(lease);
        progress.entries.push(entry);
        progress.settled.push(settled);
        progress.task_runs.push(task_run);
        filling.store().record(progress).await?;
        changes += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(changes)
}

/// Each connection is a file here, and one of the server, which has the same limit.
fn allow_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= FILES) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(limit.maximum.map_or(FILES, |maximum| maximum.min(FILES))),
        ..limit
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

/// Enough of them for all streams, each as often as it may have one.
async fn tokens(bed: &Bed) -> anyhow::Result<Vec<Token>> {
    let mut tokens = Vec::new();
    for _ in 0..STREAMS.div_ceil(STREAMS_OF_TOKEN) {
        tokens.push(Token::create(bed).await?);
    }
    Ok(tokens)
}

/// An event, as far as it is read.
#[derive(Deserialize)]
struct Event {
    at: Timestamp,
}

/// Reads a stream to its end. How long each event took here.
async fn read(mut connection: Connection, clock: Arc<dyn Clock>) -> anyhow::Result<Vec<Duration>> {
    let (mut delays, mut text) = (Vec::new(), Vec::new());
    while connection.more(&mut text).await? {
        let now = clock.now();
        for line in text.split(|byte| *byte == b'\n') {
            let data = line.strip_prefix(b"data: ");
            // The end has no time.
            let event: Option<Event> = data.and_then(|data| serde_json::from_slice(data).ok());
            delays.extend(event.map(|event| now.since(event.at)));
        }
        // A server sends whole events.
        text.clear();
    }
    Ok(delays)
}

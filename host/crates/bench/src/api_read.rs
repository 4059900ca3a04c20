//! How long the server takes for what people and programs read most, with very many runs in its
//! database.
//!
//! The server is a process of its own, and each request goes over a loopback connection that
//! stays open, one at a time, compressed as for a browser. Measured is from before a request is
//! written until its answer is read, so it is a little more than the server's own time. What no
//! index finds is looked for in some 30 ms, and then says how far it got.

use std::time::{Duration, Instant};

use crate::archive::{self, Archive, Shape};
use crate::bed::Bed;
use crate::figures::{Sample, percentile};
use crate::http::Connection;
use crate::served::{Server, Token};

/// How often each read is done in a round, however long that takes, and at most.
const TIMES_MIN: usize = 5;
const TIMES_MAX: usize = 200;

/// A server with very many runs.
pub struct Reads {
    server: Server,
    bed: Bed,
    program: Connection,
    person: Connection,
    reads: Vec<Read>,
}

/// Something that is read.
struct Read {
    name: String,
    path: String,
}

impl Reads {
    pub async fn fill(bed: Bed, runs: usize) -> anyhow::Result<Self> {
        let archive = archive::fill(&bed, Shape::of(runs)).await?;
        let server = Server::start(&bed, &[]).await?;
        let token = Token::create(&bed).await?;
        Ok(Self {
            program: server.connect(&token).await?,
            person: server.sign_in(&token).await?,
            server,
            bed,
            reads: reads(&archive, runs),
        })
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        drop(self.server);
        self.bed.clear().await
    }

    /// A round of all reads, each for about `long`.
    pub async fn measure(&mut self, long: Duration) -> anyhow::Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for read in &self.reads {
            let is_for_programs = read.path.starts_with("/v1") || read.path == "/metrics";
            let connection = if is_for_programs {
                &mut self.program
            } else {
                &mut self.person
            };
            let (begin, mut took) = (Instant::now(), Vec::new());
            while took.len() < TIMES_MIN || (took.len() < TIMES_MAX && begin.elapsed() < long) {
                let begun = Instant::now();
                let answer = connection.get_compressed(&read.path).await?;
                took.push(begun.elapsed());
                let status = answer.status;
                anyhow::ensure!(status == 200, "`{}` was answered {status}", read.path);
            }
            for (rank, per_mille) in [("p50", 500), ("p99", 990)] {
                let name = format!("{}, {rank}", read.name);
                samples.push(Sample::ms(name, percentile(&took, per_mille)));
            }
        }
        Ok(samples)
    }
}

fn reads(archive: &Archive, runs: usize) -> Vec<Read> {
    let Archive {
        common,
        rare,
        middle,
        with_tasks,
        with_lines,
    } = archive;
    let shape = Shape::of(runs);
    let (tasks, lines) = (shape.tasks, shape.lines);
    let read = |(name, path): (&str, String)| Read {
        name: name
            .replace("TASKS", &tasks.to_string())
            .replace("LINES", &lines.to_string()),
        path,
    };
    let run = |run, tab: &str| format!("/flow-runs/{run}?tab={tab}");
    let list = |filter: &str| format!("/flow-runs?{filter}");
    [
        ("page: a run", format!("/flow-runs/{middle}")),
        ("JSON: a run", format!("/v1/flow-runs/{middle}")),
        ("page: a run of TASKS tasks", run(with_tasks, "timeline")),
        ("page: its tasks", run(with_tasks, "tasks")),
        ("page: its journal", run(with_tasks, "journal")),
        (
            "JSON: a run of TASKS tasks",
            format!("/v1/flow-runs/{with_tasks}"),
        ),
        ("page: a log of LINES lines", run(with_lines, "logs")),
        ("page: runs", "/flow-runs".to_owned()),
        ("JSON: runs", "/v1/flow-runs".to_owned()),
        ("page: runs that failed", list("state=FAILED")),
        ("page: runs that are late", list("state=Late")),
        (
            "page: runs of a frequent deployment",
            list(&format!("deployment={common}")),
        ),
        (
            "page: runs of a rare deployment",
            list(&format!("deployment={rare}")),
        ),
        ("page: runs with a tag", list("tag=nightly")),
        ("page: runs by a part of the name", list("text=otter")),
        (
            "page: runs by a text that none has",
            list("text=no-such-name"),
        ),
        ("page: dashboard", "/".to_owned()),
        ("page: deployments", "/deployments".to_owned()),
        ("page: a deployment", format!("/deployments/{common}")),
        ("page: work pools", "/work-pools".to_owned()),
        ("page: components", "/components".to_owned()),
        ("metrics", "/metrics".to_owned()),
    ]
    .map(read)
    .into()
}

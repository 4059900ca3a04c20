//! Tasks that make requests, beside the same requests by a client of this process.
//!
//! The server is in this process, too, on the loopback: it answers at once, so that what is
//! measured is the way there and back. The client is hyper's, which is below most clients that
//! programs use.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::service::service_fn;
use hyper::{Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::bed::Bed;
use crate::figures::{Sample, Unit, percentile};

/// Steps of a run that makes a request in each.
const STEPS: usize = 500;

/// Requests of one measurement.
const REQUESTS: usize = 6_400;

/// How many of them are under way at the same time.
const AT_ONCE: [usize; 2] = [1, 64];

/// A page of a database, in bytes: the least that is written for a step.
const PAGE: usize = 4096;

/// A bed whose tasks may call a server of this process.
pub struct Outside {
    pub bed: Bed,
    pub site: Site,
}

/// A server that answers every request with a few bytes.
pub struct Site {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Site {
    pub async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let answer = service_fn(async |_| {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(Self { address, serving })
    }

    /// What a deployment has to be granted.
    pub fn grant(&self) -> String {
        self.address.to_string()
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Outside {
    /// Runs of 500 steps with a request in each, for about `long`, beside as many syncs: before a
    /// request leaves, what led to it is on the disk.
    pub async fn serial(&self, long: Duration) -> anyhow::Result<Vec<Sample>> {
        let dir = self.bed.dir.clone();
        let syncs = tokio::task::spawn_blocking(move || syncs(&dir)).await??;
        let parameters = json!({"n": STEPS, "url": self.site.url()}).to_string();
        let begin = Instant::now();
        let mut took = Vec::new();
        while begin.elapsed() < long {
            took.push(self.bed.run_one("serial-outside", &parameters).await?);
        }
        let median = percentile(&took, 500);
        Ok(vec![
            Sample::ms("p50", median),
            Sample::ms("500 syncs", syncs),
            Sample::times("p50 / syncs", median, syncs),
        ])
    }

    /// What a request takes that a task makes, and what it takes without a sandbox.
    pub async fn requests(&self) -> anyhow::Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for at_once in AT_ONCE {
            let native = self.native(at_once).await?;
            let parameters = json!({"n": REQUESTS, "at_once": at_once, "url": self.site.url()});
            let parameters = parameters.to_string();
            let (run, _) = self.bed.run_to_end("requests", &parameters).await?;
            let outcome = self.bed.read(run).await?.outcome;
            let us = outcome.and_then(Result::ok).context("no result")?;
            let within = Duration::from_micros(us.to_string().parse()?);
            samples.extend([
                each(format!("native, {at_once} at once"), native),
                each(format!("in a task, {at_once} at once"), within),
                Sample::times(format!("task / native, {at_once} at once"), within, native),
            ]);
            if at_once > 1 {
                let tasks = self.bed.run_one("many-outside", &parameters).await?;
                samples.extend([
                    each(format!("a task each, {at_once} at once"), tasks),
                    Sample::times(format!("tasks / native, {at_once} at once"), tasks, native),
                ]);
            }
        }
        Ok(samples)
    }

    async fn native(&self, at_once: usize) -> anyhow::Result<Duration> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Client<_, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build(connector);
        let url: Uri = self.site.url().parse()?;
        let begin = Instant::now();
        let loops = (0..at_once).map(|_| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                for _ in 0..REQUESTS / at_once {
                    let answer = client.get(url.clone()).await?;
                    ensure!(answer.status().is_success(), "{}", answer.status());
                    answer.into_body().collect().await?;
                }
                Ok(())
            })
        });
        for ended in try_join_all(loops).await? {
            ended?;
        }
        Ok(begin.elapsed())
    }
}

fn each(name: impl Into<Cow<'static, str>>, took: Duration) -> Sample {
    let us = took.as_secs_f64() * 1e6 / REQUESTS as f64;
    Sample::new(name, Unit::Microseconds, us)
}

/// How long it takes to write a page and sync it, so many times.
fn syncs(dir: &Path) -> anyhow::Result<Duration> {
    let path = dir.join("synced");
    let mut file = File::create(&path)?;
    let begin = Instant::now();
    for step in 0..STEPS {
        file.write_all(&[step as u8; PAGE])?;
        file.sync_data()?;
    }
    let took = begin.elapsed();
    std::fs::remove_file(path)?;
    Ok(took)
}

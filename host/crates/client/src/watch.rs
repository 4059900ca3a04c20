//! A run that is watched through a server.
//!
//! ```text
//! stream --lost--> wait a little --> stream again, after the last id --no server for long--> problem
//! ```
//!
//! What a server tells again after that (inputs, pools, children) is known by what it told.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use model::{InputId, PoolName};
use operations::client::{Answered, WatchClient, WatchQuery, Watching};
use operations::problem::{Problem, ProblemKind};
use operations::view::NewsView;
use serde::Deserialize;

use crate::http::{Ask, Failed, HttpClient};
use crate::runs::run_path;
use crate::sse::{Event, Events};
use crate::trouble::stranger;

/// Of one event, in bytes.
const EVENT_MAX: usize = 256 << 20;
/// The server shows every 15 s that the stream goes on.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long to try to reach a server that was there.
const TRIES_MAX: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

#[async_trait]
impl WatchClient for HttpClient {
    async fn watch_run(&self, run: &str, query: WatchQuery) -> Answered<Box<dyn Watching>> {
        let ask = Ask::get(run_path(run, "/watch")?).query(&query)?;
        let stream = self.stream(&ask, None).await.map_err(Failed::problem)?;
        Ok(Box::new(HttpWatch {
            client: self.clone(),
            ask,
            stream,
            events: Events::default(),
            last_id: None,
            told: Told::default(),
        }))
    }
}

struct HttpWatch {
    client: HttpClient,
    ask: Ask,
    /// None after the end.
    stream: Option<Incoming>,
    events: Events,
    last_id: Option<String>,
    told: Told,
}

/// What comes again with each stream.
#[derive(Default)]
struct Told {
    inputs: HashSet<InputId>,
    pools: HashSet<PoolName>,
    children: String,
}

impl Told {
    fn is_new(&mut self, news: &NewsView) -> bool {
        match news {
            NewsView::Input { input, .. } => self.inputs.insert(input.id),
            NewsView::Stuck { pool, .. } => self.pools.insert(pool.clone()),
            NewsView::Children(children) => {
                let children = format!("{children:?}");
                let is_new = self.children != children;
                self.children = children;
                is_new
            }
            NewsView::State { .. } | NewsView::Lines(_) | NewsView::Ended(_) => true,
        }
    }
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    hint: Option<String>,
}

#[async_trait]
impl Watching for HttpWatch {
    async fn next(&mut self) -> Answered<Option<NewsView>> {
        loop {
            if let Some(event) = self.events.next() {
                if event.id.is_some() {
                    self.last_id.clone_from(&event.id);
                }
                match self.read(event)? {
                    Some(news) if self.told.is_new(&news) => return Ok(Some(news)),
                    _ => continue,
                }
            }
            let Some(stream) = &mut self.stream else {
                return Ok(None);
            };
            let frame = tokio::time::timeout(SILENCE_MAX, stream.frame()).await;
            match frame {
                Ok(Some(Ok(frame))) => {
                    if let Ok(piece) = frame.into_data() {
                        let added = self.events.add(&piece, EVENT_MAX);
                        added.map_err(|_| stranger(self.client.url(), "an event has no end"))?;
                    }
                }
                Ok(None | Some(Err(_))) | Err(_) => self.again().await?,
            }
        }
    }
}

impl HttpWatch {
    fn read(&mut self, event: Event) -> Answered<Option<NewsView>> {
        let strange = |err: serde_json::Error| {
            stranger(
                self.client.url(),
                &format!("an event cannot be read: {err}"),
            )
        };
        match event.kind.as_str() {
            "end" => {
                self.stream = None;
                Ok(None)
            }
            "problem" => {
                let refusal: Refusal = serde_json::from_str(&event.data).map_err(strange)?;
                let kind = ProblemKind::of_slug(&refusal.kind);
                let problem = Problem::new(kind.unwrap_or(ProblemKind::NotServed), refusal.detail);
                Err(Problem {
                    hint: refusal.hint,
                    ..problem
                })
            }
            "news" => serde_json::from_str(&event.data).map(Some).map_err(strange),
            // Of a later server.
            _ => Ok(None),
        }
    }

    /// Goes on after the last event, on a new stream.
    async fn again(&mut self) -> Answered<()> {
        self.events = Events::default();
        let begin = Instant::now();
        loop {
            tokio::time::sleep(PAUSE).await;
            let last = self.last_id.as_deref().filter(|id| !id.is_empty());
            match self.client.stream(&self.ask, last).await {
                Ok(stream) => {
                    self.stream = stream;
                    return Ok(());
                }
                Err(failed) => {
                    let problem = failed.problem();
                    let may_pass = problem.kind == ProblemKind::Unreachable;
                    if !may_pass || begin.elapsed() > TRIES_MAX {
                        return Err(problem.hint("the run goes on without being watched"));
                    }
                }
            }
        }
    }
}

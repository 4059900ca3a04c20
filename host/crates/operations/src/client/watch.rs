//! A run that is watched, from the store.
//!
//! ```text
//! everything: Follow --events--+
//! its log as it is: Lines -----+--> news, with a place to go on from
//! its end: Ends ---------------+
//! ```
//!
//! The place is how much of its history and its log was told. What a watcher is told again
//! after it went on from a place (inputs, pools, children), it knows by what it was told.

use std::sync::Arc;

use async_trait::async_trait;
use model::{FlowRun, LogLevel, RunId};
use store::{Cursor, LogFilter};

use super::local::LocalClient;
use super::requests::{WatchQuery, WatchWhat};
use super::{Answered, WatchClient, Watching};
use crate::follow::{
    End, Ends, Event, Executes, Follow, Interest, Line, Lines, Place, Speaker, States, Stuck,
};
use crate::problem::{Problem, ProblemKind};
use crate::stream::Hub;
use crate::view::{NewsView, SaidView, SpeakerView, StuckView, views};

#[async_trait]
impl WatchClient for LocalClient {
    async fn watch_run(&self, run: &str, query: WatchQuery) -> Answered<Box<dyn Watching>> {
        let run = self.run(run).await?;
        let hub = Arc::clone(&self.hub);
        Ok(Box::new(LocalWatch::new(hub, &run, query)?))
    }
}

/// Watches a run of the store that a hub is of.
pub struct LocalWatch(Source);

enum Source {
    Follow(Box<Follow>),
    Log {
        hub: Arc<Hub>,
        lines: Lines,
        /// So many of the last ones, to begin with.
        tail: Option<u32>,
    },
    End {
        ends: Ends,
        run: RunId,
    },
    Over,
}

impl LocalWatch {
    pub fn new(hub: Arc<Hub>, run: &FlowRun, query: WatchQuery) -> Answered<Self> {
        let place = query.after.as_deref().map(place).transpose()?;
        let level = query.level.unwrap_or(LogLevel::Trace);
        let filter = LogFilter {
            level_min: level,
            tasks: query.task,
            targets: query.target,
            text: query.text,
            ..LogFilter::of(run.id)
        };
        let states = match query.what.unwrap_or_default() {
            WatchWhat::Log => {
                let lines = Lines::that_fit(filter).from(place.and_then(|place| place.lines));
                let tail = query.tail;
                return Ok(Self(Source::Log { hub, lines, tail }));
            }
            WatchWhat::End => {
                let ends = Ends::on(hub);
                return Ok(Self(Source::End { ends, run: run.id }));
            }
            WatchWhat::Lines => None,
            WatchWhat::Latest => Some(States::Latest),
            WatchWhat::All => Some(States::All),
        };
        let interest = match states {
            None => Interest::Nothing,
            Some(states) => Interest::All {
                states,
                executes: Executes::AWorker,
            },
        };
        let follow = Follow::on(hub, run.id, level, interest).only_lines(filter);
        Ok(Self::of(match place {
            Some(place) => follow.from(place),
            None => follow,
        }))
    }

    /// What this follows.
    pub fn of(follow: Follow) -> Self {
        Self(Source::Follow(Box::new(follow)))
    }

    /// Where another goes on, if all of what was read up to there has been told.
    pub fn place(&self) -> Option<String> {
        let place = match &self.0 {
            Source::Follow(follow) => follow.place()?,
            Source::Log { lines, tail, .. } if tail.is_none() => Place {
                states: 0,
                lines: lines.place(),
            },
            _ => return None,
        };
        let lines = place.lines.map(|lines| lines.to_string());
        Some(format!("{}.{}", place.states, lines.unwrap_or_default()))
    }
}

#[async_trait]
impl Watching for LocalWatch {
    async fn next(&mut self) -> Answered<Option<NewsView>> {
        let news = match &mut self.0 {
            Source::Over => None,
            Source::Follow(follow) => Some(news(follow.next().await?)),
            Source::Log { hub, lines, tail } => {
                let read = match tail.take() {
                    Some(count) => lines.last(hub.store(), count).await?,
                    None => lines.next(hub.store()).await?,
                };
                (!read.is_empty()).then(|| NewsView::Lines(said(read)))
            }
            Source::End { ends, run } => Some(match ends.of(*run).await? {
                End::Stuck(pool, why) => NewsView::Stuck {
                    pool,
                    why: why.into(),
                },
                End::Ended(run) => NewsView::Ended(Box::new((*run).into())),
            }),
        };
        if matches!(news, None | Some(NewsView::Ended(_))) {
            self.0 = Source::Over;
        }
        Ok(news)
    }
}

fn news(event: Event) -> NewsView {
    match event {
        Event::State { run, state } => NewsView::State {
            name: run.name.clone(),
            state: state.into(),
        },
        Event::Lines(lines) => NewsView::Lines(said(lines)),
        Event::Input { run, input, among } => NewsView::Input {
            name: run.name.clone(),
            input: input.into(),
            among: views(among),
        },
        Event::Children(states) => NewsView::Children(crate::view::TallyView(states)),
        Event::Stuck(pool, why) => NewsView::Stuck {
            pool,
            why: why.into(),
        },
        Event::Ended(run) => NewsView::Ended(Box::new(Arc::unwrap_or_clone(run).into())),
    }
}

fn said(lines: Vec<Line>) -> Vec<SaidView> {
    let said = lines.into_iter().map(|Line { line, speaker }| SaidView {
        speaker: match speaker {
            Speaker::Flow(name) => SpeakerView::Flow(name),
            Speaker::Task(name) => SpeakerView::Task(name),
            Speaker::Unknown(_) => SpeakerView::Unknown,
        },
        line: line.into(),
    });
    said.collect()
}

impl From<Stuck> for StuckView {
    fn from(stuck: Stuck) -> Self {
        match stuck {
            Stuck::Paused => Self::Paused,
            Stuck::NoWorker => Self::NoWorker,
        }
    }
}

fn place(text: &str) -> Answered<Place> {
    let refused = || {
        let detail = format!("`{text}` is no place in a run that is watched");
        Problem::new(ProblemKind::InvalidCursor, detail)
            .hint("pass the id of an event as it is, or begin without")
    };
    let (states, lines) = text.split_once('.').ok_or_else(refused)?;
    let lines = match lines {
        "" => None,
        lines => Some(lines.parse::<Cursor>().map_err(|_| refused())?),
    };
    Ok(Place {
        states: states.parse().map_err(|_| refused())?,
        lines,
    })
}

//! How long the reads of commands and pages take on a database with very many runs.
//!
//! Each read is what a page or a command asks of the store, timed in this process, each in turn
//! and often. What no index finds is looked for in some 30 ms, so such a read takes that long and
//! says how far it got.

use std::time::{Duration, Instant};

use model::{IdPrefix, LogLevel, RunName, StateName, StateType};
use operations::{dashboard, inspect};
use store::{
    COUNT_MAX, LogFilter, LogPlace, PageRequest, RunFilter, StateFilter, Store, StoreResult,
    TallyFilter, Tallying, TaskRunFilter,
};

use crate::archive::{self, Archive, Shape};
use crate::bed::Bed;
use crate::figures::{Sample, percentile};

/// Rows of a page of runs, and of task runs.
const ROWS: u32 = 50;
/// Lines of a block of a log.
const LINES: u32 = 200;
/// Each read is done so often in a round, at least.
const TIMES: usize = 40;

/// A bed with very many runs.
pub struct Reads {
    bed: Bed,
    archive: Archive,
}

impl Reads {
    pub async fn fill(bed: Bed, runs: usize) -> anyhow::Result<Self> {
        let archive = archive::fill(&bed, Shape::of(runs)).await?;
        Ok(Self { bed, archive })
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        self.bed.clear().await
    }

    /// A round of all reads.
    pub async fn measure(&self) -> anyhow::Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for (name, read) in READS {
            let mut took = Vec::with_capacity(TIMES);
            for _ in 0..TIMES {
                let begun = Instant::now();
                self.read(*read).await?;
                took.push(begun.elapsed());
            }
            for (rank, per_mille) in [("p50", 500), ("p99", 990)] {
                let name = format!("{name}, {rank}");
                samples.push(Sample::ms(name, percentile(&took, per_mille)));
            }
        }
        Ok(samples)
    }

    fn store(&self) -> &dyn Store {
        &*self.bed.store
    }

    async fn read(&self, read: Read) -> anyhow::Result<()> {
        let (store, archive) = (self.store(), &self.archive);
        match read {
            Read::Dashboard => drop(dashboard::dashboard(store).await?),
            Read::Runs(which) => self.runs(&which.filter(archive), None).await?,
            Read::FarBack => {
                let filter = RunFilter::default();
                let page = store.flow_runs(&filter, &PageRequest::newest(1)).await?;
                // Numbers are dense, so this is the middle.
                let place = archive.shape.runs as i64 / 2;
                let middle = store::Cursor::new(filter.fingerprint(), place);
                anyhow::ensure!(page.next.is_some(), "there are runs");
                self.runs(&filter, Some(middle)).await?;
            }
            Read::Count(which) => {
                let filter = which.filter(archive);
                store.count_flow_runs(&filter, COUNT_MAX).await?;
            }
            Read::Failed => {
                let since = archive.now.before(Duration::from_hours(24));
                store.failed_since(since, 10).await?;
                store.count_failed_since(since, COUNT_MAX).await?;
            }
            Read::Tallies { hours, bins } => {
                let tallying = Tallying {
                    filter: TallyFilter::default(),
                    from: archive.now.before(Duration::from_hours(hours)),
                    to: archive.now,
                    bins,
                };
                store.tallies(&tallying).await?;
            }
            Read::Outcomes => drop(operations::deployments::overview(store).await?),
            Read::Run => {
                let run = self.bed.read(archive.with_tasks).await?;
                inspect::run(store, run, ROWS, false).await?;
            }
            Read::ById => {
                let prefix = archive.middle.to_string()[..20].to_owned();
                store.find_runs(&IdPrefix(prefix), 10).await?;
            }
            Read::ByName => {
                let name = RunName::new("no-such-name")?.to_string();
                store.find_runs(&IdPrefix(name), 10).await?;
            }
            Read::Tasks(state) => {
                let filter = TaskRunFilter {
                    flow_run: Some(archive.with_tasks),
                    states: state.into_iter().map(StateFilter::from).collect(),
                    ..TaskRunFilter::default()
                };
                store.task_runs(&filter, &PageRequest::newest(ROWS)).await?;
            }
            Read::Lines(lines) => self.lines(lines).await?,
        }
        Ok(())
    }

    async fn runs(&self, filter: &RunFilter, from: Option<store::Cursor>) -> StoreResult<()> {
        let request = PageRequest {
            from,
            ..PageRequest::newest(ROWS)
        };
        let request = request.without_values();
        self.store().flow_runs(filter, &request).await.map(drop)
    }

    async fn lines(&self, lines: Lines) -> StoreResult<()> {
        let all = LogFilter::of(self.archive.with_lines);
        let newest = PageRequest::newest(LINES);
        let (filter, request) = match lines {
            Lines::First => (all, PageRequest::oldest(LINES)),
            Lines::Last => (all, newest),
            Lines::Warnings => {
                let level_min = LogLevel::Warn;
                (LogFilter { level_min, ..all }, newest)
            }
            Lines::Text => {
                let text = Some("part 77777 of".to_owned());
                (LogFilter { text, ..all }, newest)
            }
            Lines::Counted => {
                let counted = self.store().count_logs(&all, LogPlace(0), COUNT_MAX);
                return counted.await.map(drop);
            }
        };
        self.store().logs(&filter, &request).await.map(drop)
    }
}

#[derive(Clone, Copy)]
enum Read {
    Dashboard,
    Runs(Which),
    FarBack,
    Count(Which),
    Failed,
    Tallies { hours: u64, bins: u32 },
    Outcomes,
    Run,
    ById,
    ByName,
    Tasks(Option<StateType>),
    Lines(Lines),
}

#[derive(Clone, Copy)]
enum Lines {
    First,
    Last,
    Warnings,
    Text,
    Counted,
}

/// Which runs.
#[derive(Clone, Copy)]
enum Which {
    All,
    Kind(StateType),
    Late,
    Unfinished,
    Common,
    Rare,
    Tag,
    RareTag,
    Text,
    NoText,
    LastHour,
    /// Of a day three weeks ago.
    LongAgo,
}

impl Which {
    fn filter(self, archive: &Archive) -> RunFilter {
        let ago = |hours| Some(archive.now.before(Duration::from_hours(hours)));
        let mut filter = RunFilter::default();
        match self {
            Self::All => {}
            Self::Kind(kind) => filter.states = vec![kind.into()],
            Self::Late => filter.states = vec![StateFilter::Name(StateName::LATE)],
            Self::Unfinished => {
                let open = StateType::ALL.into_iter().filter(|it| !it.is_terminal());
                filter.states = open.map(StateFilter::from).collect();
            }
            Self::Common => filter.deployments = vec![archive.common.clone()],
            Self::Rare => filter.deployments = vec![archive.rare.clone()],
            Self::Tag => filter.tags = vec!["nightly".to_owned()],
            Self::RareTag => filter.tags = vec!["never".to_owned()],
            Self::Text => filter.text = Some("otter".to_owned()),
            Self::NoText => filter.text = Some("no-such-name".to_owned()),
            Self::LastHour => filter.since = ago(1),
            Self::LongAgo => {
                filter.since = ago(24 * 21);
                filter.until = ago(24 * 20);
            }
        }
        filter
    }
}

const READS: &[(&str, Read)] = &[
    ("dashboard", Read::Dashboard),
    ("runs", Read::Runs(Which::All)),
    ("runs, 500,000 back", Read::FarBack),
    ("runs, failed", Read::Runs(Which::Kind(StateType::Failed))),
    ("runs, unfinished", Read::Runs(Which::Unfinished)),
    ("runs, late", Read::Runs(Which::Late)),
    (
        "runs of a deployment with half of them",
        Read::Runs(Which::Common),
    ),
    ("runs of a deployment with 20", Read::Runs(Which::Rare)),
    ("runs with a tag that 2 % have", Read::Runs(Which::Tag)),
    ("runs with a tag that none has", Read::Runs(Which::RareTag)),
    ("runs by a part of the name", Read::Runs(Which::Text)),
    ("runs by a text that none has", Read::Runs(Which::NoText)),
    ("runs of the last hour", Read::Runs(Which::LastHour)),
    ("runs of a day three weeks ago", Read::Runs(Which::LongAgo)),
    ("count of unfinished", Read::Count(Which::Unfinished)),
    (
        "count of running",
        Read::Count(Which::Kind(StateType::Running)),
    ),
    (
        "count of completed",
        Read::Count(Which::Kind(StateType::Completed)),
    ),
    ("failed in 24 h, and their count", Read::Failed),
    (
        "48 bars of 24 h",
        Read::Tallies {
            hours: 24,
            bins: 48,
        },
    ),
    (
        "60 bars of 30 days",
        Read::Tallies {
            hours: 720,
            bins: 60,
        },
    ),
    ("deployments with their last 20 outcomes", Read::Outcomes),
    ("run with 10,000 tasks", Read::Run),
    ("run by the beginning of its id", Read::ById),
    ("run by a name that none has", Read::ByName),
    ("tasks of 10,000", Read::Tasks(None)),
    (
        "failed tasks of 10,000",
        Read::Tasks(Some(StateType::Failed)),
    ),
    ("first lines of 100,000", Read::Lines(Lines::First)),
    ("last lines of 100,000", Read::Lines(Lines::Last)),
    ("warnings of 100,000 lines", Read::Lines(Lines::Warnings)),
    ("lines of 100,000 by a text", Read::Lines(Lines::Text)),
    ("count of 100,000 lines", Read::Lines(Lines::Counted)),
];

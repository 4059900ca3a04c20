//! `orch-host deployment run NAME --from-file FILE.jsonl`: a run for each line.
//!
//! ```text
//! regular file: check every line --all are good--+
//! stdin: -----------------------------------------+--> reader thread: parse, check, batch
//!                                                            | at most two batches wait
//!                                                            v
//!                                                 create a batch, print its ids, tell
//! ```
//!
//! Memory holds a few batches, however long the source is; with `--watch`, also the ids.
//!
//! Invariant: of a regular file that has a wrong line, nothing is created. From stdin, which
//! can be read only once, the runs of all lines before the first wrong one are.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::lines::{BadLine, Line, Lines, no_lines, over};
use super::template::Template;
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, StdoutClosed, UserError};
use crate::cli::output::Format;
use crate::cli::params::unreadable;
use crate::cli::signals::Signals;
use crate::cli::text::counted;
use crate::cli::watch::{follow_all, warn_of_queue};
use model::{Json, RunId};
use operations::client::{StartRun, StartedRun};
use operations::problem::Problem;
use operations::view::FlowRunView;

/// Runs created by one transaction.
const BATCH_RUNS: usize = 500;
/// Parameters of one batch, in bytes, beyond which nothing is added to it. With one more run, whose
/// parameters are large, it is still less than a server takes at once, 8 MiB.
const BATCH_BYTES: usize = 2 << 20;
/// Batches that were read and wait to be written.
const BATCHES_MAX: usize = 2;
/// The least time between two plain lines of progress.
const LINE_MIN: Duration = Duration::from_secs(5);

pub async fn run(
    path: &Path,
    template: Template,
    key: Option<String>,
    follows: bool,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    let pool = template.deployment.pool.clone();
    let queue = template.work_queue.as_ref();
    let queue = queue.or(template.deployment.work_queue.as_ref()).cloned();
    let maker = Arc::new(Maker { template, key });
    let source = Source(path.to_owned());
    let mut creation = Creation::new(cx, follows);
    if source.is_file() {
        creation.bar.set_message("Checking the lines");
        source.check(&maker)?;
    }
    let mut signals = Signals::catch()?;
    let (tell, batches) = mpsc::channel(BATCHES_MAX);
    let (reads, makes) = (source.clone(), Arc::clone(&maker));
    // A thread of its own, which ends with the process even while it waits for stdin.
    std::thread::spawn(move || reads.read(&makes, &tell));
    let created = creation.create(&maker, batches, &mut signals).await;
    creation.say(&maker);
    if created? == Created::Interrupted {
        return Ok(ExitStatus::Interrupted);
    }
    if creation.total() == 0 {
        return Err(no_lines(&source.name()).into());
    }
    warn_of_queue(cx, Some(&pool), queue.as_ref()).await?;
    if follows {
        return follow_all(cx, &creation.ids).await;
    }
    Ok(ExitStatus::Success)
}

/// Makes runs of lines.
struct Maker {
    template: Template,
    key: Option<String>,
}

impl Maker {
    /// The run of a line, its parameters checked. Nothing is written.
    fn make(&self, line: &Line) -> Result<StartRun, BadLine> {
        let number = line.number;
        let key = self.key.as_ref().map(|key| format!("{key}:{number}"));
        let parameters = over(&self.template.base, &line.text);
        let start = parameters.and_then(|parameters| self.start(parameters, key));
        start.map_err(|why| BadLine { number, why })
    }

    fn start(&self, parameters: Json, key: Option<String>) -> Result<StartRun, UserError> {
        let start = self.template.start(parameters, key);
        start.map_err(|refusal| {
            let Problem {
                kind, detail, hint, ..
            } = refusal.into();
            UserError {
                message: detail,
                hint: hint.filter(|_| kind.is_mistake_of_user()),
            }
        })
    }
}

/// Where the lines come from.
#[derive(Clone)]
struct Source(PathBuf);

/// Runs to create together, and what ended the reading, if that is why there are no more.
struct Batch {
    runs: Vec<StartRun>,
    bad: Option<UserError>,
}

impl Source {
    fn is_stdin(&self) -> bool {
        self.0.as_os_str() == "-"
    }

    /// Whether it can be read twice.
    fn is_file(&self) -> bool {
        // What cannot be looked at cannot be read, which is told then.
        !self.is_stdin() && std::fs::metadata(&self.0).map_or(true, |it| it.is_file())
    }

    fn name(&self) -> String {
        if self.is_stdin() {
            "stdin".to_owned()
        } else {
            format!("`{}`", self.0.display())
        }
    }

    fn lines(&self) -> Result<Lines<Box<dyn BufRead>>, UserError> {
        let source: Box<dyn BufRead> = if self.is_stdin() {
            Box::new(BufReader::new(std::io::stdin()))
        } else {
            let file = open(&self.0).map_err(|err| unreadable(&self.0, &err))?;
            Box::new(BufReader::new(file))
        };
        Ok(Lines::new(source))
    }

    /// Errs if there is no line, or one that is wrong.
    fn check(&self, maker: &Maker) -> Result<(), UserError> {
        let mut count = 0;
        for line in self.lines()? {
            line.and_then(|line| maker.make(&line))
                .map_err(|bad| self.explain(bad))?;
            count += 1;
        }
        match count {
            0 => Err(no_lines(&self.name())),
            _ => Ok(()),
        }
    }

    /// Sends the runs of all lines, up to the first one that is wrong.
    fn read(&self, maker: &Maker, tell: &mpsc::Sender<Batch>) {
        let mut batch = Vec::new();
        let bad = self.read_lines(maker, tell, &mut batch).err();
        let last = Batch { runs: batch, bad };
        // Sending fails only if the command is over.
        let _ = tell.blocking_send(last);
    }

    fn read_lines(
        &self,
        maker: &Maker,
        tell: &mpsc::Sender<Batch>,
        batch: &mut Vec<StartRun>,
    ) -> Result<(), UserError> {
        let mut size = 0;
        for line in self.lines()? {
            let new = line.and_then(|line| maker.make(&line));
            let new = new.map_err(|bad| self.explain(bad))?;
            size += new.parameters.as_ref().map_or(0, |it| it.as_str().len());
            batch.push(new);
            if batch.len() == BATCH_RUNS || size >= BATCH_BYTES {
                size = 0;
                let runs = std::mem::take(batch);
                let _ = tell.blocking_send(Batch { runs, bad: None });
            }
        }
        Ok(())
    }

    fn explain(&self, bad: BadLine) -> UserError {
        UserError {
            message: format!(
                "line {} of {}: {}",
                bad.number,
                self.name(),
                bad.why.message
            ),
            hint: bad.why.hint,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// How the creation came to its end, if not by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Created {
    All,
    Interrupted,
}

/// How far the creation is.
struct Creation<'a> {
    cx: &'a Context,
    created: u64,
    /// Runs that had their key already.
    earlier: u64,
    /// To be followed; empty unless they are.
    ids: Vec<RunId>,
    follows: bool,
    stdout_is_closed: bool,
    bar: ProgressBar,
    said: Instant,
}

impl<'a> Creation<'a> {
    fn new(cx: &'a Context, follows: bool) -> Self {
        Self {
            cx,
            created: 0,
            earlier: 0,
            ids: Vec::new(),
            follows,
            stdout_is_closed: false,
            bar: cx.out.progress_line(),
            said: Instant::now(),
        }
    }

    fn total(&self) -> u64 {
        self.created + self.earlier
    }

    /// Creates what comes. Errs at the first line that is wrong, after all before it.
    async fn create(
        &mut self,
        maker: &Maker,
        mut batches: mpsc::Receiver<Batch>,
        signals: &mut Signals,
    ) -> anyhow::Result<Created> {
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                () = signals.next() => return Ok(Created::Interrupted),
            };
            let Some(Batch { runs, bad }) = batch else {
                return Ok(Created::All);
            };
            if !runs.is_empty() {
                self.create_batch(maker, runs).await?;
            }
            if let Some(bad) = bad {
                return Err(bad.into());
            }
        }
    }

    async fn create_batch(&mut self, maker: &Maker, runs: Vec<StartRun>) -> anyhow::Result<()> {
        let name = maker.template.what();
        let started = self.cx.client.start_runs(&name, runs).await?;
        self.count(&started);
        let runs = started.into_iter().map(|started| started.run);
        if self.follows {
            self.ids.extend(runs.map(|run| run.id));
            return Ok(());
        }
        self.print(runs.collect())
    }

    fn count(&mut self, started: &[StartedRun]) {
        let created = started.iter().filter(|started| started.is_new);
        let created = created.count() as u64;
        self.created += created;
        self.earlier += started.len() as u64 - created;
        let text = self.text("");
        if !self.cx.out.is_live() && self.said.elapsed() >= LINE_MIN {
            self.cx.out.note(&text);
            self.said = Instant::now();
        }
        self.bar.set_message(text);
    }

    /// The ids, or with `-o json` the runs, one a line. A reader that stops early does not
    /// stop the creation.
    fn print(&mut self, runs: Vec<FlowRunView>) -> anyhow::Result<()> {
        if self.stdout_is_closed {
            return Ok(());
        }
        let lines = runs.into_iter().map(|run| match self.cx.out.format {
            Format::Text => Ok(run.id.to_string()),
            Format::Json => serde_json::to_string(&run),
        });
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        match self.cx.out.data(&lines.join("\n")) {
            Err(err) if err.is::<StdoutClosed>() => self.stdout_is_closed = true,
            printed => printed?,
        }
        Ok(())
    }

    /// `Created 7 flow runs of `a/b`; 3 were there already`
    fn say(&self, maker: &Maker) {
        self.bar.finish_and_clear();
        if self.total() == 0 {
            return;
        }
        let of = format!(" of `{}`", maker.template.what());
        self.cx.out.note(&self.text(&of));
    }

    fn text(&self, of: &str) -> String {
        let earlier = match self.earlier {
            0 => String::new(),
            1 => "; 1 was there already".to_owned(),
            earlier => format!("; {earlier} were there already"),
        };
        format!("Created {}{of}{earlier}", counted(self.created, "flow run"))
    }
}

//! `orch-host database copy FROM TO`

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::error::ExitStatus;
use crate::cli::output::{Format, Output};
use crate::cli::place::{DatabaseUrl, OpenWhole};
use crate::cli::signals::Signals;
use crate::cli::text::counted;
use operations::database::{Copied, CopyProgress, CopyStep, copy};
use operations::view::CopiedView;
use store::moving::Database;

/// The least time between two plain lines of progress.
const LINE_MIN: Duration = Duration::from_secs(5);

/// Copy a whole database to an empty one, of the same engine or the other
///
/// Components, deployments, runs with all that belongs to them, tokens and the rest go over, and are
/// compared at the end. Suspended runs go on with workers of the copy. FROM is only read, and must
/// not be used meanwhile: stop its workers and servers first. If this is interrupted, the same
/// command goes on where it was, and nothing else uses TO until it is done.
///
/// FROM stays as it is. Do not start workers on it again: they would execute its runs a second time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host database copy sqlite:orch.db postgres://orch@db.example/flows
  orch-host database copy postgres://orch@db.example/flows sqlite:copy.db")]
pub struct CopyArgs {
    /// The database that is copied: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`
    from: String,
    /// The empty database: a file that is not there yet, or an empty PostgreSQL database
    to: String,
}

pub async fn run(args: CopyArgs, open: OpenWhole, out: &Output) -> anyhow::Result<ExitStatus> {
    let whole = |text: &str| -> anyhow::Result<_> { Ok(open(&DatabaseUrl::read(text)?)?) };
    let (from, to) = (whole(&args.from)?, whole(&args.to)?);
    let mut signals = Signals::catch()?;
    let mut progress = Progress::new(out);
    let copied = tokio::select! {
        copied = copy(&*from, &*to, |is| progress.tell(is)) => Some(copied),
        () = signals.next() => None,
    };
    progress.bar.finish_and_clear();
    let Some(copied) = copied else {
        out.note("Interrupted; the same command goes on with it");
        return Ok(ExitStatus::Interrupted);
    };
    say(copied?, &*from, &*to, out)?;
    Ok(ExitStatus::Success)
}

fn say(copied: Copied, from: &dyn Database, to: &dyn Database, out: &Output) -> anyhow::Result<()> {
    let (from, to) = (from.place(), to.place());
    let earlier = match copied.earlier {
        0 => String::new(),
        rows => format!(", {rows} of them before this command was given again"),
    };
    out.note(&format!(
        "Copied `{from}` to `{to}`: {}{earlier}; all tables are the same",
        counted(copied.rows(), "row")
    ));
    out.hint(&format!(
        "use the copy from now on: `export ORCH_DATABASE_URL={to}`; do not start workers on `{from}` again"
    ));
    if out.format == Format::Json {
        out.json(&CopiedView::new(from, to, copied))?;
    }
    Ok(())
}

/// A bar on a terminal, a line now and then elsewhere.
struct Progress<'o> {
    out: &'o Output,
    bar: ProgressBar,
    said: Option<(CopyStep, Instant)>,
}

impl<'o> Progress<'o> {
    fn new(out: &'o Output) -> Self {
        let template = "{spinner} {msg} {bar:30} {human_pos}/{human_len} rows {eta}";
        let style = ProgressStyle::with_template(template);
        let bar = ProgressBar::new(0);
        let bar = out.progress().add(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        });
        Self {
            out,
            bar,
            said: None,
        }
    }

    fn tell(&mut self, is: CopyProgress) {
        let what = match is.step {
            CopyStep::Copying => "Copying",
            CopyStep::Comparing => "Comparing",
        };
        self.bar.set_length(is.rows_total);
        self.bar.set_position(is.rows);
        self.bar.set_message(format!("{what} `{}`", is.table));
        let is_new = self
            .said
            .is_none_or(|(step, at)| step != is.step || at.elapsed() >= LINE_MIN);
        if is_new && !self.out.is_live() {
            let (rows, total) = (is.rows, is.rows_total);
            self.out
                .note(&format!("{what} `{}`: {rows} of {total} rows", is.table));
            self.said = Some((is.step, Instant::now()));
        }
    }
}

//! `orch-host doctor`

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use indicatif::BinaryBytes;
use rustix::fs::Access;

use super::context::Context;
use super::error::ExitStatus;
use super::output::Format;
use super::place::{DatabaseUrl, OpenWhole, Place};
use super::text::counted;
use operations::client::{
    DEADLOCKED_MAX, LimitQuery, PoolQuery, QueueQuery, ScheduleQuery, WorkerQuery,
};
use operations::database::{Standing, runs};
use operations::view::{DeadlockedRunView, FindingView, VerdictView, WorkerView};

/// Look whether all is well, and say what to do about what is not
///
/// It changes nothing. The exit code is 1 if something is broken, and 0 if all is well or there is
/// only something to think about.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host doctor
  orch-host doctor -o json")]
pub struct DoctorArgs {}

/// Below this, writes will fail before long.
const DISK_MIN: u64 = 200 << 20;
/// Below this, somebody should look.
const DISK_LOW: u64 = 2 << 30;
/// Clocks that differ by less do no harm.
const CLOCK_MAX: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Findings(Vec<FindingView>);

impl Findings {
    fn good(&mut self, what: &'static str, found: impl Into<String>) {
        self.add(what, VerdictView::Good, found, None);
    }

    fn note(&mut self, what: &'static str, found: impl Into<String>, hint: impl Into<String>) {
        self.add(what, VerdictView::Note, found, Some(hint.into()));
    }

    fn broken(&mut self, what: &'static str, found: impl Into<String>, hint: impl Into<String>) {
        self.add(what, VerdictView::Broken, found, Some(hint.into()));
    }

    fn add(
        &mut self,
        what: &'static str,
        verdict: VerdictView,
        found: impl Into<String>,
        hint: Option<String>,
    ) {
        self.0.push(FindingView {
            what: what.into(),
            verdict,
            found: found.into(),
            hint,
        });
    }
}

/// What can be seen of the database before it is opened as commands open it. Whether it can be.
async fn look_at_database(place: &Place, open: OpenWhole, findings: &mut Findings) -> bool {
    let look = match open(&place.database) {
        Ok(database) => database.look().await.map(|look| (database.place(), look)),
        Err(err) => Err(err),
    };
    let (name, look) = match look {
        Ok(looked) => looked,
        Err(err) => {
            let hint = "`orch-host database status` tells more";
            findings.broken("database", err.to_string(), hint);
            return false;
        }
    };
    let size = BinaryBytes(look.bytes);
    match Standing::of(&look) {
        Standing::Missing | Standing::Empty => {
            findings.good("database", format!("`{name}` is empty"));
            true
        }
        Standing::Current(version) => {
            let (total, unfinished) = look.contents.as_ref().map_or((0, 0), runs);
            findings.good(
                "database",
                format!(
                    "`{name}`, version {version}, {size}, {}, {unfinished} not over",
                    counted(total, "flow run")
                ),
            );
            true
        }
        Standing::Older(version) => {
            findings.note(
                "database",
                format!(
                    "`{name}` has version {version}; this program knows {}",
                    look.known
                ),
                "the next command brings it to this version; make a copy first: `orch-host backup \
                 FILE`",
            );
            false
        }
        Standing::Newer(version) => {
            findings.broken(
                "database",
                format!(
                    "`{name}` has version {version}; this program knows {}",
                    look.known
                ),
                "install the newer orch-host here, too",
            );
            false
        }
        Standing::HalfCopied(from) => {
            findings.broken(
                "database",
                format!("`{name}` is half a copy of `{from}`"),
                "the same `orch-host database copy` finishes it",
            );
            false
        }
    }
}

fn look_at_machine(place: &Place, findings: &mut Findings) {
    permissions(&place.home, findings);
    disk("disk of the data directory", &place.home, findings);
    if let DatabaseUrl::Sqlite(path) = &place.database {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        if dir != place.home {
            disk("disk of the database", dir, findings);
        }
    }
    target(findings);
}

fn permissions(home: &Path, findings: &mut Findings) {
    use std::os::unix::fs::PermissionsExt as _;
    let what = "data directory";
    let shown = home.display();
    match std::fs::metadata(home) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => findings.note(
            what,
            format!("`{shown}` may be read by others than its owner"),
            format!("`chmod 700 {shown}`"),
        ),
        Ok(_) => match rustix::fs::access(home, Access::WRITE_OK) {
            Ok(()) => findings.good(what, format!("`{shown}`, for its owner alone")),
            Err(err) => findings.broken(
                what,
                format!("nothing can be written to `{shown}`: {err}"),
                "make it writable, or set `ORCH_HOME` to a directory that is",
            ),
        },
        Err(err) => findings.broken(
            what,
            format!("`{shown}` cannot be read: {err}"),
            "set `ORCH_HOME` to a directory that you may write to",
        ),
    }
}

fn disk(what: &'static str, dir: &Path, findings: &mut Findings) {
    let hint = "`orch-host prune --older-than 30d` deletes old runs, and `prune set` does so by \
                itself";
    match rustix::fs::statvfs(dir) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let said = format!("{} free", BinaryBytes(free));
            match free {
                0..DISK_MIN => findings.broken(what, said, hint),
                DISK_MIN..DISK_LOW => findings.note(what, said, hint),
                _ => findings.good(what, said),
            }
        }
        Err(err) => findings.note(
            what,
            format!("it cannot be seen: {err}"),
            "look by hand: `df`",
        ),
    }
}

/// Flows are built for it. A machine that only executes needs none.
fn target(findings: &mut Findings) {
    let what = "building flows";
    let asked = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = match asked {
        Ok(found) if found.status.success() => String::from_utf8_lossy(&found.stdout).into_owned(),
        _ => {
            return findings.good(what, "there is no `rustc` here; workers need none");
        }
    };
    let libs = Path::new(sysroot.trim()).join("lib/rustlib/wasm32-wasip2/lib");
    if libs.is_dir() {
        findings.good(what, "`rustc` builds for wasm32-wasip2");
    } else {
        findings.note(
            what,
            "`rustc` is here, without the target wasm32-wasip2",
            "`rustup target add wasm32-wasip2`, or the project's `guest-sdk/wasm-target.sh`",
        );
    }
}

async fn look_at_work(cx: &Context, findings: &mut Findings) -> anyhow::Result<()> {
    let workers = cx.client.list_workers(WorkerQuery::default()).await?.items;
    clock(cx, &workers, findings);
    versions(&workers, findings);
    let mut stuck = false;
    for pool in cx.client.list_pools(PoolQuery::default()).await?.items {
        let name = &pool.name;
        let waiting = counted(pool.ready, "run");
        let what = "work that waits";
        if pool.ready > 0 && pool.paused {
            stuck = true;
            findings.note(
                what,
                format!("{waiting} in work pool `{name}`, which is paused"),
                format!("`orch-host work-pool resume {name}`"),
            );
        } else if pool.ready > 0 && pool.workers == 0 {
            stuck = true;
            findings.broken(
                what,
                format!("{waiting} in work pool `{name}`, which has no worker"),
                format!("`orch-host worker --pool {name}`"),
            );
        } else if pool.ready > 0 && pool.limit.is_some_and(|limit| pool.active >= limit.into()) {
            stuck = true;
            findings.note(
                what,
                format!("{waiting} in work pool `{name}`, which is at its limit"),
                format!("`orch-host work-pool set-limit {name} N`, or wait"),
            );
        }
        for queue in cx
            .client
            .list_queues(name, QueueQuery::default())
            .await?
            .items
        {
            if queue.ready > 0 && queue.paused {
                stuck = true;
                findings.note(
                    what,
                    format!(
                        "{} in queue `{}` of `{name}`, which is paused",
                        counted(queue.ready, "run"),
                        queue.name
                    ),
                    format!("`orch-host work-queue resume {} --pool {name}`", queue.name),
                );
            }
        }
    }
    for limit in cx.client.list_limits(LimitQuery::default()).await?.items {
        if limit.waiting > 0 {
            stuck = true;
            let name = &limit.name;
            findings.note(
                "work that waits",
                format!(
                    "{} for limit `{name}`, of which {} of {} slots are taken",
                    counted(limit.waiting, "run"),
                    limit.taken,
                    limit.slots
                ),
                format!("`orch-host limit inspect {name}` shows who has them"),
            );
        }
    }
    let deadlocked = cx.client.list_deadlocked().await?.items;
    // Those that have slots come first.
    if let Some(holder) = deadlocked.first() {
        stuck = true;
        findings.broken(
            "limits",
            format!(
                "{}{} wait for each other for ever: {}",
                if deadlocked.len() < DEADLOCKED_MAX {
                    ""
                } else {
                    "more than "
                },
                counted(deadlocked.len() as u64, "flow run"),
                DeadlockedRunView::list_in_words(&deadlocked)
            ),
            format!(
                "`orch-host flow-run cancel {}` gives back what it has; more slots help, too",
                holder.flow_run
            ),
        );
    }
    let schedules = cx
        .client
        .list_schedules(ScheduleQuery::default())
        .await?
        .items;
    if workers.is_empty() && schedules.iter().any(|schedule| !schedule.paused) {
        stuck = true;
        findings.note(
            "schedules",
            "no worker is alive; a server makes their runs, and nothing executes them",
            "`orch-host worker`",
        );
    }
    if !stuck {
        findings.good("work that waits", "nothing waits in vain");
    }
    match cx.client.prune_rule().await? {
        Some(rule) => findings.good("old runs", format!("each hour goes {}", rule.in_words())),
        None => findings.good("old runs", "none is deleted by itself"),
    }
    Ok(())
}

/// Whoever renews its lease does so by the clock of the database.
fn clock(cx: &Context, workers: &[WorkerView], findings: &mut Findings) {
    let now = cx.now();
    let ahead = workers.iter().map(|it| it.heartbeat.since(now)).max();
    match ahead {
        Some(ahead) if ahead > CLOCK_MAX => findings.broken(
            "clock",
            format!(
                "a worker was heard of {} from now: this clock is behind, or was put back",
                model::in_units(Duration::from_secs(ahead.as_secs()))
            ),
            "let the machines take their time from the same source (NTP)",
        ),
        _ => findings.good("clock", "no worker is ahead of it"),
    }
}

fn versions(workers: &[WorkerView], findings: &mut Findings) {
    let own = env!("CARGO_PKG_VERSION");
    let others = workers
        .iter()
        .filter(|worker| worker.version.as_deref() != Some(own));
    let others: Vec<String> = others
        .map(|worker| {
            let version = worker.version.as_deref().unwrap_or("unknown");
            format!("`{}` ({version})", worker.name)
        })
        .collect();
    if others.is_empty() {
        findings.good(
            "workers",
            format!(
                "{} alive, version {own}",
                counted(workers.len() as u64, "worker")
            ),
        );
    } else {
        findings.note(
            "workers",
            format!("of another version than {own}: {}", others.join(", ")),
            "restart them with this program: what they execute goes on",
        );
    }
}

/// `open`, `connect`: how the database is looked at, and how commands use it.
pub async fn run(
    _: DoctorArgs,
    place: &Place,
    open: Option<OpenWhole>,
    connect: impl FnOnce() -> anyhow::Result<Context>,
    out: &super::output::Output,
) -> anyhow::Result<ExitStatus> {
    let mut findings = Findings::default();
    let is_usable = match open {
        Some(open) => {
            look_at_machine(place, &mut findings);
            look_at_database(place, open, &mut findings).await
        }
        None => true,
    };
    if is_usable {
        look_at_work(&connect()?, &mut findings).await?;
    }
    let Findings(findings) = findings;
    if out.format == Format::Json {
        out.json(&findings)?;
    } else {
        for finding in &findings {
            let mark = match finding.verdict {
                VerdictView::Good => "ok    ",
                VerdictView::Note => "note  ",
                VerdictView::Broken => "BROKEN",
            };
            out.data(&format!("{mark} {}: {}", finding.what, finding.found))?;
            if let Some(hint) = &finding.hint {
                out.data(&format!("       hint: {hint}"))?;
            }
        }
    }
    let is_broken = findings.iter().any(|it| it.verdict == VerdictView::Broken);
    Ok(if is_broken {
        ExitStatus::Failure
    } else {
        ExitStatus::Success
    })
}

//! When a schedule's slots are, as typed: for `schedule create` and `deploy`.

use std::str::FromStr;

use crate::cli::time::{SpanArg, TimeArg};
use model::{CatchUp, Overlap, ScheduleName};
use operations::client::CreateSchedule;

/// What holds for all schedules that are made together.
#[derive(Clone, Debug, clap::Args)]
pub struct TimesArgs {
    /// A cron line: minute, hour, day of the month, month, day of the week; or `@daily` and the like
    #[arg(long, value_name = "LINE")]
    cron: Vec<String>,
    /// The time from one run to the next, such as `15m`
    #[arg(long, value_name = "SPAN")]
    interval: Vec<SpanArg>,
    /// A rule of RFC 5545, such as `FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0`
    #[arg(long, value_name = "RULE")]
    rrule: Vec<String>,
    /// The time zone of the schedule's clock, such as `Europe/Berlin`
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// From when intervals are counted, and where an rrule begins [default: now]
    #[arg(long, value_name = "TIME")]
    anchor: Option<TimeArg>,
    /// What becomes of the slots that were missed while nothing ran: `none`, `latest` or `all`
    #[arg(long, value_name = "WHICH", default_value_t)]
    catch_up: Choice<CatchUp>,
    /// What a slot does while the run before is not over: `allow`, `skip`, `queue` or
    /// `cancel-previous`
    #[arg(long, value_name = "WHAT", default_value_t)]
    overlap: Choice<Overlap>,
}

/// One of a few words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice<T>(pub T);

impl<T: std::fmt::Display> std::fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn one_of<T: Copy>(text: &str, found: Option<T>, all: &[&str]) -> Result<Choice<T>, String> {
    let words = || all.join("`, `");
    found
        .map(Choice)
        .ok_or_else(|| format!("`{text}` is none of `{}`", words()))
}

impl FromStr for Choice<CatchUp> {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        one_of(text, CatchUp::of(text), &CatchUp::ALL.map(CatchUp::as_str))
    }
}

impl FromStr for Choice<Overlap> {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        one_of(text, Overlap::of(text), &Overlap::ALL.map(Overlap::as_str))
    }
}

impl TimesArgs {
    /// The schedules that are meant, each with a name: `default`, `default-2`, ..
    pub fn schedules(&self) -> Vec<CreateSchedule> {
        let empty = CreateSchedule {
            timezone: Some(self.timezone.clone()),
            anchor: self.anchor.map(|TimeArg(at)| at),
            catch_up: self.catch_up.0,
            overlap: self.overlap.0,
            ..CreateSchedule::default()
        };
        let crons = self.cron.iter().map(|line| CreateSchedule {
            cron: Some(line.clone()),
            ..empty.clone()
        });
        let intervals = self.interval.iter().map(|SpanArg(span)| CreateSchedule {
            interval_ms: Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            ..empty.clone()
        });
        let rrules = self.rrule.iter().map(|rule| CreateSchedule {
            rrule: Some(rule.clone()),
            ..empty.clone()
        });
        let all = crons.chain(intervals).chain(rrules).enumerate();
        let named = all.map(|(at, schedule)| CreateSchedule {
            name: Some(ScheduleName::nth(at)),
            ..schedule
        });
        named.collect()
    }
}

//! When runs of a deployment are made by themselves.

use serde::{Deserialize, Serialize};

use super::{DeploymentName, Json, RunId, ScheduleId, ScheduleName, Timestamp};

/// A schedule of a deployment: each of its slots makes one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub id: ScheduleId,
    pub deployment: DeploymentName,
    pub name: ScheduleName,
    pub rule: ScheduleRule,
    pub is_paused: bool,
    pub origin: ScheduleOrigin,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// The first slot that nothing has been made of. None: there is no more.
    pub next: Option<Timestamp>,
    /// The last slot that a run was made for, and that run.
    pub last: Option<LastSlot>,
    /// The next slot has come, and waits until the last run is over.
    pub is_held: bool,
}

/// The slot that a run was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSlot {
    pub slot: Timestamp,
    pub run: RunId,
}

/// What a person says of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRule {
    pub timetable: Timetable,
    /// An IANA time zone.
    pub timezone: String,
    /// An object of parameters by name, laid over the deployment's.
    pub parameters: Json,
    /// No slot is before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// No slot is after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    pub catch_up: CatchUp,
    pub overlap: Overlap,
}

/// When slots are, as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timetable {
    /// `0 9 * * 1-5`: five fields, or `@daily` and the like.
    Cron(String),
    /// At the anchor, and every so long before and after it.
    Interval { every_ms: u64, anchor: Timestamp },
    /// The value of an RRULE (RFC 5545), and what its DTSTART is.
    Rrule { rule: String, anchor: Timestamp },
}

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $case:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$of])* $case,)* }

        impl $name {
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$case),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)* }
            }

            pub fn of(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|case| case.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

choices! {
    /// What becomes of slots that were missed: those that no run was made for within a minute.
    CatchUp {
        /// Nothing.
        None = "none",
        /// The latest of them makes a run, unless a newer slot does.
        #[default]
        Latest = "latest",
        /// Each of them makes a run.
        All = "all",
    }
}

choices! {
    /// What a slot does while the run of the slot before is not over.
    Overlap {
        /// It makes its run all the same.
        #[default]
        Allow = "allow",
        /// It makes none.
        Skip = "skip",
        /// It waits for the end of that run.
        Queue = "queue",
        /// It cancels that run, and waits for its end.
        CancelPrevious = "cancel-previous",
    }
}

choices! {
    /// Who has made a schedule.
    ScheduleOrigin {
        /// It was given when its deployment was deployed, or is its author's: deploying again
        /// replaces it.
        Deployed = "deployed",
        /// A person has added it.
        #[default]
        Added = "added",
    }
}

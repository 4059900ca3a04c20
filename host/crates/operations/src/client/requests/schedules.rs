//! What is asked of schedules.

use model::{CatchUp, Json, Overlap, ScheduleName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A schedule to be made. It has one of `cron`, `interval_ms` and `rrule`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"name": "mornings", "cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}))]
pub struct CreateSchedule {
    /// Left out: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ScheduleName>,
    /// Five fields, or `@daily` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time from one slot to the next, 1000 at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// The value of an RRULE of RFC 5545.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// From when intervals are counted, or what the DTSTART of an rrule is. Left out: from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Timestamp>,
    /// An IANA time zone. Left out: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Laid over the deployment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// No slot is before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// No slot is after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// What becomes of slots that were missed: `none`, `latest` or `all`.
    pub catch_up: CatchUp,
    /// What a slot does while the run before is not over: `allow`, `skip`, `queue` or
    /// `cancel-previous`.
    pub overlap: Overlap,
    pub paused: bool,
}

/// How many slots to show.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SlotQuery {
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

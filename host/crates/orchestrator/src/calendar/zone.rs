//! Time zones, and times on their clocks.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::error::CalendarError;
use crate::nearest;
use model::Timestamp;

/// The rules that the program was built with. Those of machines differ, and a slot would be at
/// another time after a run of the scheduler elsewhere.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of this name.
pub(super) fn named(name: &str) -> Result<TimeZone, CalendarError> {
    ZONES.get(name).map_err(|_| CalendarError::Zone {
        zone: name.to_owned(),
        nearest: nearest(name, ZONES.available().map(|name| name.to_string())),
    })
}

/// `None`: it is further away than calendars go.
pub(super) fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_microsecond(at.0).ok()
}

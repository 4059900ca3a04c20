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
        nearest: meant(name),
    })
}

/// The zone of a city, or one with nearly this name.
fn meant(name: &str) -> Option<String> {
    let is_city = |zone: &String| {
        let city = zone.rsplit('/').next();
        city.is_some_and(|city| city.eq_ignore_ascii_case(name))
    };
    let zones = || ZONES.available().map(|zone| zone.to_string());
    zones().find(is_city).or_else(|| nearest(name, zones()))
}

/// `None`: it is further away than calendars go.
pub(super) fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_microsecond(at.0).ok()
}

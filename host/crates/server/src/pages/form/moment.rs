//! A moment as a person writes it: date, time and zone. In JSON it is RFC 3339.
//!
//! ```text
//! 2026-11-25 | 00:00:00 | Europe/Paris   -->  2026-11-25T00:00:00+01:00
//! 2026-11-25 | 00:00:00 | +01:00         <->  2026-11-25T00:00:00+01:00
//! 2026-11-25 | 00:00:00 | Z              <->  2026-11-25T00:00:00Z
//! ```
//!
//! A time that a zone does not have, or has twice, is refused and not guessed.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// What was typed, which may be no moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    pub date: String,
    pub time: String,
    pub zone: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMoment {
    #[error("`{0}` is no date: write it as `2026-11-25`")]
    Date(String),
    #[error("`{0}` is no time of day: write it as `14:30` or `14:30:00`")]
    Time(String),
    #[error("`{0}` is no time zone: write `UTC`, `+01:00` or a name such as `Europe/Paris`")]
    Zone(String),
    #[error("{zone} has no {time} on {date}: clocks are put forward")]
    Skipped {
        date: String,
        time: String,
        zone: String,
    },
    #[error("{zone} has {time} twice on {date}: write the zone as {first} or {second}")]
    Twice {
        date: String,
        time: String,
        zone: String,
        first: String,
        second: String,
    },
}

impl Moment {
    /// None for a text that would come back as another one.
    pub fn split(text: &str) -> Option<Self> {
        let (date, rest) = text.split_once('T')?;
        let zone_at = rest.find(['Z', '+', '-'])?;
        let (time, zone) = rest.split_at(zone_at);
        let moment = Self {
            date: date.to_owned(),
            time: time.to_owned(),
            zone: zone.to_owned(),
        };
        (moment.text().as_deref() == Ok(text)).then_some(moment)
    }

    /// Nothing was typed. A zone alone is there before anything is.
    pub fn is_blank(&self) -> bool {
        self.date.trim().is_empty() && self.time.trim().is_empty()
    }

    /// RFC 3339. Midnight, if no time was typed.
    pub fn text(&self) -> Result<String, NoMoment> {
        let (date, zone) = (self.date.trim(), self.zone.trim());
        let day = day(date).ok_or_else(|| NoMoment::Date(self.date.clone()))?;
        let time = match self.time.trim() {
            "" => "00:00:00".to_owned(),
            time if time.len() == "00:00".len() => format!("{time}:00"),
            time => time.to_owned(),
        };
        let clock = clock(&time).ok_or_else(|| NoMoment::Time(self.time.clone()))?;
        let offset = match zone {
            "UTC" => "Z".to_owned(),
            zone if is_offset(zone) => zone.to_owned(),
            zone => self.offset(day, clock, zone)?,
        };
        Ok(format!("{date}T{time}{offset}"))
    }

    fn offset(&self, day: Date, clock: Time, zone: &str) -> Result<String, NoMoment> {
        let no_zone = |_| NoMoment::Zone(self.zone.clone());
        if zone.is_empty() {
            return Err(NoMoment::Zone(String::new()));
        }
        let rules = TimeZone::get(zone).map_err(no_zone)?;
        let (date, time) = (day.to_string(), self.time.trim().to_owned());
        let zone = zone.to_owned();
        match rules
            .to_ambiguous_timestamp(day.to_datetime(clock))
            .offset()
        {
            AmbiguousOffset::Unambiguous { offset } => Ok(written(offset)),
            AmbiguousOffset::Gap { .. } => Err(NoMoment::Skipped { date, time, zone }),
            AmbiguousOffset::Fold { before, after } => Err(NoMoment::Twice {
                date,
                time,
                zone,
                first: written(before),
                second: written(after),
            }),
        }
    }
}

/// `2026-11-25`
pub fn day(text: &str) -> Option<Date> {
    is_like(text, "0000-00-00").then(|| text.parse().ok())?
}

/// `14:30:00`, with or without a fraction.
pub fn clock(text: &str) -> Option<Time> {
    let whole = match text.split_once('.') {
        Some((whole, fraction)) => {
            let is_fraction = (1..=9).contains(&fraction.len()) && is_digits(fraction);
            is_fraction.then_some(whole)?
        }
        None => text,
    };
    is_like(whole, "00:00:00").then(|| text.parse().ok())?
}

fn is_offset(zone: &str) -> bool {
    let is_signed = |sign| {
        zone.strip_prefix(sign)
            .is_some_and(|rest| is_like(rest, "00:00"))
    };
    zone == "Z" || is_signed('+') || is_signed('-')
}

/// Whether digits are where the example has a zero, and all else is equal.
fn is_like(text: &str, example: &str) -> bool {
    let is_like = |(byte, like): (u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        like => byte == like,
    };
    text.len() == example.len() && text.bytes().zip(example.bytes()).all(is_like)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn written(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(parts: [&str; 3], expect: &str) {
        let [date, time, zone] = parts.map(str::to_owned);
        let said = match (Moment { date, time, zone }).text() {
            Ok(text) => text,
            Err(err) => err.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_zone_gives_the_offset_of_that_day() {
        check(
            ["2026-11-25", "00:00:00", "Europe/Paris"],
            "2026-11-25T00:00:00+01:00",
        );
        check(
            ["2026-07-01", "09:30", "Europe/Paris"],
            "2026-07-01T09:30:00+02:00",
        );
        check(
            ["2026-07-01", "09:30", "America/New_York"],
            "2026-07-01T09:30:00-04:00",
        );
        check(["2026-07-01", "", "UTC"], "2026-07-01T00:00:00Z");
        check(
            [" 2026-07-01 ", "23:59:59.123456", "-03:30"],
            "2026-07-01T23:59:59.123456-03:30",
        );
    }

    #[test]
    fn what_is_no_moment_is_named() {
        check(
            ["2026-02-30", "", "UTC"],
            "`2026-02-30` is no date: write it as `2026-11-25`",
        );
        check(
            ["2026-02-03", "25:00", "UTC"],
            "`25:00` is no time of day: write it as `14:30` or `14:30:00`",
        );
        check(
            ["2026-02-03", "", "Europe/Pari"],
            "`Europe/Pari` is no time zone: write `UTC`, `+01:00` or a name such as `Europe/Paris`",
        );
        check(
            ["2026-03-29", "02:30", "Europe/Paris"],
            "Europe/Paris has no 02:30 on 2026-03-29: clocks are put forward",
        );
        check(
            ["2026-10-25", "02:30", "Europe/Paris"],
            "Europe/Paris has 02:30 twice on 2026-10-25: write the zone as +02:00 or +01:00",
        );
    }

    #[test]
    fn only_what_comes_back_the_same_is_split() {
        for text in [
            "2026-11-25T00:00:00Z",
            "2026-11-25T00:00:00.000000001+01:00",
            "1969-12-31T23:59:59-00:00",
        ] {
            assert_eq!(Moment::split(text).unwrap().text().as_deref(), Ok(text));
        }
        for text in [
            "",
            "tomorrow",
            "2026-11-25",
            "2026-11-25t00:00:00z",
            "2026-11-25 00:00:00Z",
            "2026-11-25T00:00Z",
            "2026-11-25T24:00:00Z",
            "2026-11-25T00:00:00",
            "2026-11-25T00:00:00Europe/Paris",
            "2026-11-25T00:00:00+0100",
        ] {
            assert_eq!(Moment::split(text), None, "{text}");
        }
    }
}

use super::*;
use model::{CatchUp, Json, Overlap};

/// 5 November 2025, 08:20 UTC.
const ANCHOR: Timestamp = Timestamp(1_762_330_800_000_000);

fn rule(timetable: Timetable, zone: &str) -> ScheduleRule {
    ScheduleRule {
        timetable,
        timezone: zone.to_owned(),
        parameters: Json::empty_object(),
        start: None,
        end: None,
        catch_up: CatchUp::default(),
        overlap: Overlap::default(),
    }
}

fn timetable(kind: &str, text: &str) -> Timetable {
    match kind {
        "cron" => Timetable::Cron(text.to_owned()),
        "rrule" => Timetable::Rrule {
            rule: text.to_owned(),
            anchor: ANCHOR,
        },
        other => panic!("no timetable is a `{other}`"),
    }
}

fn calendar(kind: &str, text: &str, zone: &str) -> Calendar {
    Calendar::new(&rule(timetable(kind, text), zone)).unwrap()
}

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_microsecond())
}

fn shown(at: Timestamp, zone: &str) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap();
    let zone = TimeZone::get(zone).unwrap();
    at.to_zoned(zone).strftime("%m-%d %H:%M%:z").to_string()
}

/// Seconds: the first, and then what comes after each, `86400x3` for three in a row.
fn read(text: &str) -> Vec<i64> {
    let mut slots: Vec<i64> = Vec::new();
    for part in text.split_whitespace() {
        let (span, times) = part.split_once('x').unwrap_or((part, "1"));
        for _ in 0..times.parse().unwrap() {
            let before = slots.last().copied().unwrap_or(0);
            slots.push(before + span.parse::<i64>().unwrap());
        }
    }
    slots
}

/// What croniter and dateutil have found on the clock, in time zones by Python's zoneinfo. The
/// rules for changes of the clock were written down there a second time.
#[test]
fn a_year_of_schedules_is_as_others_have_found_it() {
    let mut checked = 0;
    for line in include_str!("tests/year.txt").lines() {
        let mut fields = line.split(" | ");
        let mut field = || fields.next().unwrap();
        let (kind, text, zone, expect) = (field(), field(), field(), read(field()));
        let named = zone::named(zone).unwrap();
        let midnight = |year: i16| {
            let clock = jiff::civil::date(year, 1, 1).at(0, 0, 0, 0);
            Timestamp(named.to_timestamp(clock).unwrap().as_microsecond())
        };
        let (begin, end) = (midnight(2026), midnight(2027));
        let calendar = calendar(kind, text, zone);
        let mut found = Vec::new();
        let mut after = Timestamp(begin.0 - 1);
        while let Some(next) = calendar.next(after).filter(|next| *next < end) {
            assert!(next > after, "{line}");
            found.push(next.0 / 1_000_000);
            after = next;
        }
        let differs = found
            .iter()
            .zip(&expect)
            .position(|(one, other)| one != other);
        let differs = differs.unwrap_or(found.len().min(expect.len()));
        assert_eq!(
            (found.get(differs), found.len()),
            (expect.get(differs), expect.len()),
            "{kind} `{text}` in {zone}, slot {differs}"
        );
        checked += found.len();
    }
    assert!(checked > 240_000, "{checked}");
}

#[track_caller]
fn check(kind: &str, text: &str, zone: &str, after: &str, expect: &[&str]) {
    let calendar = calendar(kind, text, zone);
    let mut after = at(after);
    let slots = expect.iter().map(|_| {
        after = calendar.next(after).unwrap();
        shown(after, zone)
    });
    assert_eq!(slots.collect::<Vec<_>>(), expect, "{kind} `{text}`");
}

const BERLIN: &str = "Europe/Berlin";
/// In the evening before the clock goes from 2 to 3.
const SPRING: &str = "2026-03-28T20:00:00Z";
/// In the evening before the clock goes from 3 back to 2.
const AUTUMN: &str = "2026-10-24T20:00:00Z";

#[test]
fn an_hour_that_is_skipped_is_made_up_for_at_its_end() {
    let day = ["03-29 03:00+02:00", "03-30 02:30+02:00"];
    check("cron", "30 2 * * *", BERLIN, SPRING, &day);
    let twice = [
        "03-29 03:00+02:00",
        "03-30 02:00+02:00",
        "03-30 02:30+02:00",
    ];
    check("cron", "*/30 2 * * *", BERLIN, SPRING, &twice);
    let some = [
        "03-29 01:30+01:00",
        "03-29 03:00+02:00",
        "03-29 04:30+02:00",
    ];
    check("cron", "30 1,2,4 * * *", BERLIN, SPRING, &some);
    let at_its_end = ["03-29 03:00+02:00", "03-30 02:30+02:00"];
    check("cron", "30 2,3 29,30 3 *", BERLIN, SPRING, &at_its_end[..1]);
}

#[test]
fn an_hour_that_comes_twice_is_one_for_a_line_of_certain_hours() {
    let day = ["10-25 02:30+02:00", "10-26 02:30+01:00"];
    check("cron", "30 2 * * *", BERLIN, AUTUMN, &day);
    let several = [
        "10-25 02:00+02:00",
        "10-25 02:30+02:00",
        "10-25 03:00+01:00",
    ];
    check("cron", "*/30 2-3 * * *", BERLIN, AUTUMN, &several);
    // From the second time of the hour on, too.
    let next = ["10-25 03:00+01:00"];
    check(
        "cron",
        "*/30 2-3 * * *",
        BERLIN,
        "2026-10-25T01:10:00Z",
        &next,
    );
}

#[test]
fn a_line_for_every_hour_knows_no_change_of_the_clock() {
    let spring = [
        "03-29 01:30+01:00",
        "03-29 03:30+02:00",
        "03-29 04:30+02:00",
    ];
    check(
        "cron",
        "30 * * * *",
        BERLIN,
        "2026-03-29T00:00:00Z",
        &spring,
    );
    let autumn = [
        "10-25 02:30+02:00",
        "10-25 02:30+01:00",
        "10-25 03:30+01:00",
    ];
    check(
        "cron",
        "30 * * * *",
        BERLIN,
        "2026-10-25T00:00:00Z",
        &autumn,
    );
    // Half an hour.
    let half = [
        "10-04 01:45+10:30",
        "10-04 02:45+11:00",
        "10-04 03:45+11:00",
    ];
    check(
        "cron",
        "45 * * * *",
        "Australia/Lord_Howe",
        "2026-10-03T15:00:00Z",
        &half,
    );
}

#[test]
fn an_rrule_is_by_the_clock() {
    let spring = ["03-29 03:30+02:00", "03-30 02:30+02:00"];
    let daily = "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0";
    check("rrule", daily, BERLIN, SPRING, &spring);
    let autumn = ["10-25 02:30+02:00", "10-26 02:30+01:00"];
    check("rrule", daily, BERLIN, AUTUMN, &autumn);
}

#[test]
fn an_interval_is_a_span_of_time() {
    let every = |every_ms, after: &str| {
        let timetable = Timetable::Interval {
            every_ms,
            anchor: ANCHOR,
        };
        let calendar = Calendar::new(&rule(timetable, BERLIN)).unwrap();
        shown(calendar.next(at(after)).unwrap(), "UTC")
    };
    assert_eq!(every(900_000, "2026-01-01T00:00:00Z"), "01-01 00:05+00:00");
    assert_eq!(every(900_000, "2026-01-01T00:05:00Z"), "01-01 00:20+00:00");
    // Before its anchor, too.
    assert_eq!(every(900_000, "2025-01-01T00:00:00Z"), "01-01 00:05+00:00");
}

/// However far the anchor of a rule is, and with any period.
#[test]
fn a_rule_says_the_same_from_a_later_anchor() {
    for text in [
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;INTERVAL=5;BYDAY=TU,SA",
        "FREQ=MONTHLY;INTERVAL=7;BYMONTHDAY=1,15,-1",
        "FREQ=YEARLY;INTERVAL=2;BYYEARDAY=1,100,200",
        "FREQ=HOURLY;INTERVAL=7;BYMINUTE=5",
        "FREQ=MINUTELY;INTERVAL=1000",
        "FREQ=MONTHLY;BYDAY=2TU;INTERVAL=3",
    ] {
        let with_count = format!("{text};COUNT=100000");
        let moved = calendar("rrule", text, BERLIN);
        let counted = calendar("rrule", &with_count, BERLIN);
        let mut after = at("2026-11-20T00:00:00Z");
        for _ in 0..20 {
            let next = moved.next(after);
            assert_eq!(next, counted.next(after), "{text}");
            after = Timestamp(next.unwrap().0 + 2_000_000_000_000);
        }
    }
}

#[test]
fn a_schedule_keeps_within_its_start_and_end() {
    let mut rule = rule(timetable("cron", "0 0 * * *"), "UTC");
    (rule.start, rule.end) = (
        Some(at("2026-05-01T00:00:00Z")),
        Some(at("2026-05-02T00:00:00Z")),
    );
    let calendar = Calendar::new(&rule).unwrap();
    let first = calendar.next(at("2026-01-01T00:00:00Z")).unwrap();
    let second = calendar.next(first).unwrap();
    assert_eq!(shown(first, "UTC"), "05-01 00:00+00:00");
    assert_eq!(shown(second, "UTC"), "05-02 00:00+00:00");
    assert_eq!(calendar.next(second), None);
    rule.end = rule.start;
    let refused = Calendar::new(&rule).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the end, 2026-05-01T00:00:00.000Z, is not after the start, 2026-05-01T00:00:00.000Z"
    );
}

#[test]
fn the_last_slot_of_a_span_is_found_in_sparse_and_dense_calendars() {
    let (from, until) = (at("2020-01-01T00:00:00Z"), at("2026-06-15T12:00:30Z"));
    for (text, expect) in [
        ("* * * * *", "06-15 12:00+00:00"),
        ("0 9 * * *", "06-15 09:00+00:00"),
        ("0 0 29 2 *", "02-29 00:00+00:00"),
    ] {
        let last = calendar("cron", text, "UTC").last(from, until).unwrap();
        assert_eq!(shown(last, "UTC"), expect, "{text}");
    }
    let none = calendar("cron", "0 0 29 2 *", "UTC");
    assert_eq!(none.last(at("2024-03-01T00:00:00Z"), until), None);
}

#[track_caller]
fn refused(timetable: Timetable, zone: &str, expect: &str) {
    let now = at("2026-06-15T12:00:00Z");
    let error = Calendar::to_come(&rule(timetable, zone), now).unwrap_err();
    assert_eq!(format!("{error}\nhint: {}", error.hint()), expect);
}

#[test]
fn what_is_no_calendar_is_refused_with_what_is_wrong() {
    let cron = "hint: at 9 from Monday to Friday is `0 9 * * 1-5`";
    let check = |line: &str, expect: &str| {
        let expect = format!("the cron line `{line}`{expect}\n{cron}");
        refused(timetable("cron", line), "UTC", &expect);
    };
    let five = "; it takes 5: minute, hour, day of the month, month, day of the week";
    check("0 9 * * * 1-5", &format!(" has 6 fields{five}"));
    check("daily", &format!(" has 1 field{five}"));
    check("61 * * * *", ": minute `61` is not of 0-59");
    check(
        "0 9 * * mondays",
        ": day of the week `mondays` is not of 0-7, or SUN-SAT",
    );
    check(
        "@reboot",
        ": it is not one of @yearly, @monthly, @weekly, @daily and @hourly",
    );
    let never = "hint: a schedule has to have a slot that is to come";
    let to_come = |text: &str| format!("cron `{text}` is never due\n{never}");
    refused(
        timetable("cron", "0 0 31 2 *"),
        "UTC",
        &to_come("0 0 31 2 *"),
    );
    refused(
        timetable("cron", "0 9 * * *"),
        "Europe/Berlim",
        "there is no time zone `Europe/Berlim`\nhint: did you mean `Europe/Berlin`?",
    );
    refused(
        timetable("cron", "0 9 * * *"),
        "kolkata",
        "there is no time zone `kolkata`\nhint: did you mean `Asia/Kolkata`?",
    );
    refused(
        timetable("cron", "0 9 * * *"),
        "Mars",
        "there is no time zone `Mars`\nhint: it is a name of the IANA database, such as \
         `Europe/Berlin`",
    );
    let interval = |every_ms| Timetable::Interval {
        every_ms,
        anchor: ANCHOR,
    };
    refused(
        interval(0),
        "UTC",
        "an interval of 0s is too short: the shortest is 1s\nhint: an interval is a span, \
         such as `15m`",
    );
    let rrule = |text: &str, expect: &str| {
        let expect = format!("the rrule `{text}`{expect}");
        refused(timetable("rrule", text), "UTC", &expect);
    };
    let example = "hint: each Monday at 9 is `FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0`";
    rrule(
        "FREQ=SECONDLY",
        " repeats every second and has no end\nhint: give it a `COUNT` or an `UNTIL`, or the \
         schedule an end",
    );
    rrule(
        "FREQ=DAILY;UNTIL=tomorrow",
        &format!(
            ": `TOMORROW` is no end: one is `20261231`, `20261231T090000` or \
             `20261231T080000Z`\n{example}"
        ),
    );
    let one = ": it is one rule without a DTSTART: the anchor says where it begins";
    rrule(
        "DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY",
        &format!("{one}\n{example}"),
    );
    let over = "rrule `FREQ=DAILY;UNTIL=20260101` is never due";
    refused(
        timetable("rrule", "FREQ=DAILY;UNTIL=20260101"),
        "UTC",
        &format!("{over}\n{never}"),
    );
}

//! Bars of ended runs over time, as SVG: each is a link to its runs.

use std::fmt::Write as _;

use model::Timestamp;
use operations::view::TalliesView;

use super::query::Query;
use super::show::{Now, count, plural, slug};

const WIDTH: usize = 960;
const HEIGHT: usize = 96;
/// Room for the times below.
const AXIS: usize = 28;
/// Room for the largest count on the left.
const LEFT: usize = 44;

/// From the bottom up: what went well is the ground, what did not stands out on top.
const ORDER: [&str; 4] = ["COMPLETED", "CANCELLED", "CRASHED", "FAILED"];

/// A chart of it. `filters`: those of the runs behind the bars.
pub fn bars(now: &Now, tallies: &TalliesView, filters: &Query) -> String {
    let total = |bin: &operations::view::BinView| -> u64 {
        bin.states.values().map(|tallied| tallied.count).sum()
    };
    let highest = tallies.bins.iter().map(total).max().unwrap_or(0);
    let bins = tallies.bins.len().max(1);
    let step = (WIDTH - LEFT) as f64 / bins as f64;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"group\" aria-label=\"Ended runs \
         by time\" data-points=\"{},{} {},1\" data-drag=\"since until\">",
        HEIGHT + AXIS,
        tallies.from.0 / 1000,
        LEFT as f64 / WIDTH as f64,
        tallies.to.0 / 1000
    );
    axis(&mut svg, now, tallies, highest);
    for (at, bin) in tallies.bins.iter().enumerate() {
        let runs = total(bin);
        if runs == 0 {
            continue;
        }
        let end = tallies
            .bins
            .get(at + 1)
            .map_or(tallies.to, |next| next.from);
        let x = LEFT as f64 + at as f64 * step;
        let href = link(filters, bin.from, end);
        let text = format!("{}: {}", now.when(bin.from).short, parts(bin));
        let _ = write!(
            svg,
            "<a href=\"{}\" aria-label=\"{text}\"><title>{text}</title>",
            href.replace('&', "&amp;")
        );
        let mut base = HEIGHT as f64;
        for state in ORDER {
            let Some(tallied) = bin.states.get(state).filter(|it| it.count > 0) else {
                continue;
            };
            // A single failure among thousands is seen, too.
            let high = (tallied.count as f64 / highest as f64 * HEIGHT as f64).max(2.0);
            base -= high;
            let _ = write!(
                svg,
                "<rect class=\"bar-part s-{}\" x=\"{x:.1}\" y=\"{base:.1}\" width=\"{:.1}\" \
                 height=\"{high:.1}\"/>",
                slug(state),
                (step - 1.0).max(1.0)
            );
        }
        svg.push_str("</a>");
    }
    svg.push_str("</svg>");
    svg
}

fn parts(bin: &operations::view::BinView) -> String {
    let part = |state: &&str| {
        let tallied = bin.states.get(*state).filter(|it| it.count > 0)?;
        Some(format!("{} {}", count(tallied.count), slug(state)))
    };
    ORDER
        .iter()
        .rev()
        .filter_map(part)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The runs of a bar, as nearly as filters can say it: runs are counted by their end and found
/// by their creation.
fn link(filters: &Query, from: Timestamp, to: Timestamp) -> String {
    let states = ORDER
        .iter()
        .map(|state| ("state".to_owned(), (*state).to_owned()));
    let mut query = filters.without("since").without("until");
    if query.get("state").is_none() {
        query.0.extend(states);
    }
    query.with("since", from).with("until", to).at("/flow-runs")
}

fn axis(svg: &mut String, now: &Now, tallies: &TalliesView, highest: u64) {
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {HEIGHT}.5H{WIDTH}\"/>\
         <text x=\"{}\" y=\"11\" text-anchor=\"end\">{}</text>",
        LEFT - 6,
        count(highest)
    );
    let span = tallies.to.0 - tallies.from.0;
    for at in ticks(now, tallies) {
        let share = (at.0 - tallies.from.0) as f64 / span as f64;
        let x = LEFT as f64 + (WIDTH - LEFT) as f64 * share;
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{x:.1} {HEIGHT}v4\"/><text x=\"{x:.0}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>",
            HEIGHT + 19,
            now.zone.text(
                at,
                if span > 172_800_000_000 {
                    "%-d %b"
                } else {
                    "%H:%M"
                }
            )
        );
    }
}

/// Round times in the visitor's zone, six of them or so.
fn ticks(now: &Now, tallies: &TalliesView) -> Vec<Timestamp> {
    const HOUR: i64 = 3_600_000_000;
    const STEPS: [i64; 9] = [
        HOUR / 60,
        HOUR / 12,
        HOUR / 4,
        HOUR,
        4 * HOUR,
        24 * HOUR,
        7 * 24 * HOUR,
        28 * 24 * HOUR,
        365 * 24 * HOUR,
    ];
    let span = tallies.to.0 - tallies.from.0;
    let step = STEPS
        .into_iter()
        .find(|step| span / step <= 8)
        .unwrap_or(span.max(1));
    // Whole steps since midnight, where the visitor is.
    let midnight = Now {
        at: tallies.from,
        zone: now.zone.clone(),
    }
    .midnight();
    let first = midnight.0 + (tallies.from.0 - midnight.0).div_euclid(step) * step + step;
    let edge = span / 30;
    let all = (0..64).map(|n| Timestamp(first + n * step));
    all.take_while(|at| at.0 < tallies.to.0 - edge)
        .filter(|at| at.0 > tallies.from.0 + edge)
        .collect()
}

/// What the bars say, in a sentence.
pub fn sum(tallies: &TalliesView) -> String {
    let of = |state: &str| -> u64 {
        let bins = tallies.bins.iter();
        bins.filter_map(|bin| bin.states.get(state))
            .map(|it| it.count)
            .sum()
    };
    let all: u64 = ORDER.iter().map(|state| of(state)).sum();
    if all == 0 {
        return "No run has ended in this time.".to_owned();
    }
    let bad = of("FAILED") + of("CRASHED");
    format!(
        "{}, {} failed or crashed",
        plural(all, "run", "runs"),
        count(bad)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use operations::view::{BinView, TalliedView};

    use super::*;
    use crate::pages::show::Zone;

    const HOUR: i64 = 3_600_000_000;
    const BEGIN: Timestamp = Timestamp(1_764_288_000_000_000);

    fn tallies(counts: &[&[(&str, u64)]]) -> TalliesView {
        let bin = |(at, counts): (usize, &&[(&str, u64)])| BinView {
            from: Timestamp(BEGIN.0 + at as i64 * HOUR),
            states: counts
                .iter()
                .map(|(state, count)| {
                    let tallied = TalliedView {
                        count: *count,
                        total_ms: 0,
                    };
                    ((*state).to_owned(), tallied)
                })
                .collect::<BTreeMap<_, _>>(),
        };
        TalliesView {
            from: BEGIN,
            to: Timestamp(BEGIN.0 + counts.len() as i64 * HOUR),
            bins: counts.iter().enumerate().map(bin).collect(),
        }
    }

    fn drawn(counts: &[&[(&str, u64)]], filters: &str) -> String {
        let tallies = tallies(counts);
        let now = Now {
            at: tallies.to,
            zone: Zone::utc(),
        };
        bars(&now, &tallies, &Query::parse(filters))
    }

    #[test]
    fn a_failure_among_thousands_is_seen() {
        let svg = drawn(&[&[("COMPLETED", 10_000), ("FAILED", 1)]], "");
        assert!(
            svg.contains("s-failed") && svg.contains("height=\"2.0\""),
            "{svg}"
        );
        assert!(
            svg.contains("00:00:00: 1 failed, 10,000 completed"),
            "{svg}"
        );
    }

    #[test]
    fn a_bar_leads_to_its_runs_under_the_same_filters() {
        let svg = drawn(&[&[], &[("FAILED", 1)]], "flow=etl&state=FAILED&since=x");
        let expect = "flow=etl&amp;state=FAILED&amp;since=2025-11-28T01%3A00%3A00.000Z&amp;\
                      until=2025-11-28T02%3A00%3A00.000Z";
        assert!(svg.contains(expect), "{svg}");
    }

    #[test]
    fn times_on_the_axis_are_round() {
        let tallies = TalliesView {
            from: Timestamp(BEGIN.0 + 154 * 60_000_000),
            to: Timestamp(BEGIN.0 + (24 * 60 + 154) * 60_000_000),
            bins: Vec::new(),
        };
        let now = Now {
            at: tallies.to,
            zone: Zone::utc(),
        };
        let texts = ticks(&now, &tallies);
        let texts: Vec<String> = texts.iter().map(|at| now.zone.text(*at, "%H:%M")).collect();
        assert_eq!(
            texts,
            ["04:00", "08:00", "12:00", "16:00", "20:00", "00:00"]
        );
    }

    #[test]
    fn what_is_empty_has_no_bars() {
        assert!(!drawn(&[&[], &[]], "").contains("<rect"));
        assert_eq!(sum(&tallies(&[&[]])), "No run has ended in this time.");
        let some = tallies(&[&[("COMPLETED", 3)], &[("CRASHED", 1)]]);
        assert_eq!(sum(&some), "4 runs, 1 failed or crashed");
    }
}

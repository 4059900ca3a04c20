//! A timeline as SVG: pure, from the view.
//!
//! Everything is placed in percent of the width and in pixels of the height, so that a row is as
//! wide as the screen allows, and its patterns and texts are never stretched.
//!
//! ```text
//! scheduled . . . .   pending :::::   waiting ------- why   paused =====
//! running   ########> failed  xxxxx   crashed /\/\/\        cancelled /////
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use model::Timestamp;
use operations::text::took;
use operations::view::{AxisView, GroupView, MarkView, RowView, SegmentView};

use crate::escape::escaped;
use crate::pages::show::{Now, count, first_chars};

/// The height of a row, in pixels.
pub const HEIGHT: u32 = 22;
/// What takes less of the width is drawn two pixels wide.
const NARROW: f64 = 0.003;
/// A text within a bar needs so much of the width.
const TEXT_MIN: f64 = 0.08;
/// The texts of two gaps need so much of the width between them.
const FOLD_TEXT: f64 = 0.07;
/// Ticks closer to the right end than this have no label.
const LABEL_END: f64 = 0.95;
/// Characters of a reason; the rest is on the page of what it is about.
const WHY_MAX: usize = 160;

/// What a row did, as the inside of its `<svg>`. `is_detailed`: each segment says what it is
/// when it is pointed at.
pub fn row(now: &Now, row: &RowView, is_detailed: bool) -> String {
    let mut svg = String::new();
    if let Some(group) = &row.group {
        bins(&mut svg, group);
    }
    for segment in &row.segments {
        segment_of(&mut svg, now, row, segment, is_detailed);
    }
    for span in &row.critical {
        let _ = write!(
            svg,
            "<rect class=\"crit\" y=\"{}\" height=\"2\" {}/>",
            HEIGHT - 2,
            place(span.start, span.end)
        );
    }
    for mark in &row.marks {
        mark_of(&mut svg, now, mark);
    }
    svg
}

/// What a row did, in words.
pub fn words(row: &RowView) -> String {
    let mut words: Vec<String> = row.segments.iter().map(segment_words).collect();
    if let Some(group) = &row.group {
        let of = |n: usize, what: &str| (n > 0).then(|| format!("{} {what}", count(n as u64)));
        let parts = [
            of(group.count, "calls"),
            of(group.failed, "failed"),
            of(group.unsettled, "not settled"),
        ];
        words.extend(parts.into_iter().flatten());
    }
    for mark in &row.marks {
        words.push(mark_words(mark));
    }
    words.join(", ")
}

/// The scale on top: times, and the gaps that are folded.
pub fn scale(now: &Now, axis: &AxisView) -> String {
    let mut svg = String::new();
    let mut said = -1.0;
    for fold in &axis.folds {
        if fold.start < said + FOLD_TEXT {
            continue;
        }
        said = fold.start;
        let _ = write!(
            svg,
            "<svg {} height=\"{HEIGHT}\"><title>Nothing happens for {text}\
             </title><text class=\"fold-text\" x=\"50%\" y=\"11\" text-anchor=\"middle\">+{text}\
             </text></svg>",
            place(fold.start, fold.end),
            text = took_ms(fold.duration_ms)
        );
    }
    let mut last = None;
    for (n, tick) in axis.ticks.iter().enumerate() {
        let text = label(now, axis, tick.at, last);
        last = Some(tick.at);
        if tick.place > LABEL_END {
            continue;
        }
        let _ = write!(
            svg,
            "<text class=\"t{}\" x=\"{}\" y=\"24\" dx=\"3\">{text}</text>",
            n % 3,
            percent(tick.place)
        );
    }
    svg
}

/// The lines of the scale, behind the rows.
pub fn grid(axis: &AxisView) -> String {
    let mut svg = String::new();
    for fold in &axis.folds {
        let _ = write!(
            svg,
            "<rect class=\"fold\" height=\"100%\" {}/>",
            place(fold.start, fold.end)
        );
    }
    for tick in &axis.ticks {
        let _ = write!(
            svg,
            "<line class=\"axis\" y2=\"100%\" x1=\"{at}\" x2=\"{at}\"/>",
            at = percent(tick.place)
        );
    }
    svg
}

fn segment_of(svg: &mut String, now: &Now, row: &RowView, segment: &SegmentView, detailed: bool) {
    let (start, end) = (segment.start, segment.end);
    let title = if detailed || segment.why.is_some() || segment.retry.is_some() {
        format!("<title>{}</title>", title(now, segment))
    } else {
        String::new()
    };
    let at = place(start, end);
    let _ = match segment.kind.as_ref() {
        kind @ ("scheduled" | "waiting") => {
            let dots = if kind == "scheduled" {
                " stroke-dasharray=\"2 4\""
            } else {
                ""
            };
            let text = if end - start >= TEXT_MIN {
                let text = escaped(&first_chars(&waited(now, segment), WHY_MAX));
                format!("<text x=\"4\" y=\"8\">{text}</text>")
            } else {
                String::new()
            };
            write!(
                svg,
                "<svg {at} height=\"{HEIGHT}\" class=\"seg s-{kind}\">{title}<rect width=\"100%\" \
                 height=\"100%\" class=\"none\"/><line x2=\"100%\" y1=\"13\" y2=\"13\"{dots}/>\
                 {text}</svg>"
            )
        }
        "paused" => write!(
            svg,
            "<svg {at} height=\"{HEIGHT}\" class=\"seg s-paused\">{title}<rect width=\"100%\" \
             height=\"100%\" class=\"none\"/><line x2=\"100%\" y1=\"10\" y2=\"10\"/>\
             <line x2=\"100%\" y1=\"15\" y2=\"15\"/></svg>"
        ),
        "pending" => bar(svg, "s-pending light", 6, 10, &at, &title),
        kind => {
            let class = class(kind, row, segment);
            bar(svg, class, 4, 14, &at, &title)
        }
    };
    if segment.open && segment.kind == "running" {
        let _ = write!(
            svg,
            "<svg x=\"{}\" class=\"s-running\"><path class=\"seg\" d=\"M-1 4l7 7-7 7z\"/></svg>",
            percent(end)
        );
    }
}

/// Hue and pattern of something that was executed.
fn class(kind: &str, row: &RowView, segment: &SegmentView) -> &'static str {
    match kind {
        "failed" => "s-failed hatched",
        "crashed" => "s-crashed hatched",
        "cancelled" => "s-cancelled hatched",
        _ if segment.open => "s-running",
        _ => match row.state.as_ref() {
            "COMPLETED" => "s-completed",
            _ => "s-running",
        },
    }
}

fn bar(
    svg: &mut String,
    class: &str,
    y: u32,
    height: u32,
    at: &str,
    title: &str,
) -> std::fmt::Result {
    let start = format!("<rect class=\"seg {class}\" y=\"{y}\" height=\"{height}\" {at}");
    if title.is_empty() {
        write!(svg, "{start}/>")
    } else {
        write!(svg, "{start}>{title}</rect>")
    }
}

/// A group: how many of it were executed in each hundredth, and on top of that what failed.
fn bins(svg: &mut String, group: &GroupView) {
    let highest = group.bins.iter().map(|(active, _, failed)| active + failed);
    let highest = highest.max();
    let highest = f64::from(highest.unwrap_or(0).max(1));
    let mut parts = [String::new(), String::new()];
    for (n, (active, _, failed)) in group.bins.iter().enumerate() {
        let mut base: f64 = 20.0;
        // One of thousands is seen, too.
        for (part, count) in parts.iter_mut().zip([*active, *failed]) {
            if count > 0 {
                let high = (f64::from(count) / highest * 18.0).max(3.0).min(base);
                base -= high;
                let _ = write!(part, "M{n} {base:.1}h1v{high:.1}h-1z");
            }
        }
    }
    let [active, failed] = parts;
    let hue = if group.unsettled > 0 {
        "s-running"
    } else {
        "s-completed"
    };
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 {} {HEIGHT}\" width=\"100%\" height=\"{HEIGHT}\" \
         preserveAspectRatio=\"none\"><path class=\"seg {hue}\" d=\"{active}\"/>\
         <path class=\"seg s-failed\" d=\"{failed}\"/></svg>",
        group.bins.len().max(1)
    );
}

fn mark_of(svg: &mut String, now: &Now, mark: &MarkView) {
    let title = escaped(&format!(
        "{}, {}",
        mark_words(mark),
        clock(now, mark.at, true)
    ));
    let at = percent(mark.place);
    let _ = if mark.kind == "lost" {
        write!(
            svg,
            "<rect class=\"lost\" x=\"{at}\" width=\"3\" height=\"{HEIGHT}\"><title>{title}</title></rect>"
        )
    } else {
        write!(
            svg,
            "<circle class=\"kept\" cx=\"{at}\" cy=\"11\" r=\"4\"><title>{title}</title></circle>"
        )
    };
}

fn mark_words(mark: &MarkView) -> String {
    match (mark.kind.as_ref(), &mark.message) {
        ("lost", Some(why)) => format!("worker lost: {}", first_chars(why, WHY_MAX)),
        ("lost", None) => "worker lost".to_owned(),
        _ => "answered by an earlier attempt".to_owned(),
    }
}

fn segment_words(segment: &SegmentView) -> String {
    let span = took(segment.to.since(segment.from));
    let so_far = if segment.open { " so far" } else { "" };
    let mut text = format!("{} {span}{so_far}", segment.kind);
    if let Some(why) = &segment.why {
        let _ = write!(text, ": {}", first_chars(why, WHY_MAX));
    }
    if let Some(retry) = &segment.retry {
        let _ = write!(text, ": until attempt {}", retry.number);
    }
    text
}

fn title(now: &Now, segment: &SegmentView) -> String {
    escaped(&format!(
        "{}, {} to {}",
        segment_words(segment),
        clock(now, segment.from, true),
        if segment.open {
            "now".to_owned()
        } else {
            clock(now, segment.to, true)
        }
    ))
}

/// What a line that waits says.
fn waited(now: &Now, segment: &SegmentView) -> String {
    match (&segment.retry, &segment.why) {
        (Some(retry), _) => format!(
            "attempt {} at {}",
            retry.number,
            clock(now, retry.at, false)
        ),
        (None, Some(why)) => why.clone(),
        (None, None) => segment.kind.to_string(),
    }
}

pub fn clock(now: &Now, at: Timestamp, is_exact: bool) -> String {
    let format = if is_exact { "%H:%M:%S%.3f" } else { "%H:%M:%S" };
    now.zone.text(at, format)
}

/// The time at a tick: only what differs from the tick before.
fn label(now: &Now, axis: &AxisView, at: Timestamp, last: Option<Timestamp>) -> String {
    const DAY_MS: f64 = 86_400_000.0;
    let text = |format| now.zone.text(at, format);
    let is_same = |format| last.is_some_and(|last| now.zone.text(last, format) == text(format));
    let fine = if axis.step_ms < 1.0 { "%.6f" } else { "%.3f" };
    if axis.step_ms >= DAY_MS {
        text("%-d %b")
    } else if axis.step_ms >= 60_000.0 {
        if last.is_none_or(|last| is_new_day(now, last, at)) && spans_days(now, axis) {
            text("%-d %b %H:%M")
        } else {
            text("%H:%M")
        }
    } else if axis.step_ms >= 1_000.0 {
        text(if is_same("%H:%M") { ":%S" } else { "%H:%M:%S" })
    } else if is_same("%H:%M:%S") {
        text(fine)
    } else {
        text("%H:%M:%S") + &text(fine)
    }
}

fn is_new_day(now: &Now, last: Timestamp, at: Timestamp) -> bool {
    now.zone.text(last, "%F") != now.zone.text(at, "%F")
}

fn spans_days(now: &Now, axis: &AxisView) -> bool {
    is_new_day(now, axis.from, axis.to)
}

pub fn took_ms(ms: f64) -> String {
    took(Duration::from_secs_f64(ms.max(0.0) / 1000.0))
}

/// `x` and `width`. At least two pixels.
fn place(start: f64, end: f64) -> String {
    if end - start < NARROW {
        format!("x=\"{}\" width=\"2\"", percent(start.min(1.0 - NARROW)))
    } else {
        format!(
            "x=\"{}\" width=\"{}\"",
            percent(start),
            percent(end - start)
        )
    }
}

fn percent(part: f64) -> String {
    let hundredths = (part * 1e4).round() / 1e2;
    format!("{hundredths}%")
}

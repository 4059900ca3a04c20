//! How much is drawn at most.

use std::fmt::Write as _;

use super::super::*;
use super::story::story;
use model::StateType;

fn tasks(count: usize, name: impl Fn(usize) -> String) -> Story {
    let mut text = format!("run 0 running, {} completed", 10 * count + 100);
    for n in 0..count {
        let (from, to) = (10 * n, 10 * n + 50);
        let how = if n % 1000 == 7 { "fail" } else { "ok" };
        write!(text, "\n{} task {} 0 {from}-{to} {how}", n + 1, name(n)).unwrap();
    }
    story(&text)
}

#[test]
fn ten_thousand_tasks_are_two_rows() {
    let story = tasks(10_000, |_| "load".to_owned());
    let drawn = timeline(&story, &Wish::default());
    assert_eq!(drawn.rows.len(), 2);
    let group = drawn.rows[1].group.as_ref().unwrap();
    assert_eq!(
        (group.count, group.failed, group.bins.len()),
        (10_000, 10, BINS)
    );
    // A failure among thousands is seen.
    assert_eq!(group.bins.iter().filter(|bin| bin.failed > 0).count(), 10);
}

#[test]
fn an_open_group_shows_a_hundred_at_a_time_failures_first() {
    let story = tasks(10_000, |_| "load".to_owned());
    let open = |shown| Wish {
        opened: vec![(1, shown)],
        ..Wish::default()
    };
    let drawn = timeline(&story, &open(100));
    assert_eq!(drawn.rows.len(), 103);
    assert!(
        drawn.rows[2..12]
            .iter()
            .all(|row| row.state == StateType::Failed)
    );
    assert_eq!(drawn.rows[102].kind, RowKind::More { left: 9_900 });
    let drawn = timeline(&story, &open(200));
    assert_eq!((drawn.rows.len(), drawn.rows_after), (ROWS_MAX, 3));
}

#[test]
fn rows_are_drawn_two_hundred_at_a_time() {
    let story = tasks(500, |n| format!("task-{n}"));
    let page = |skip| {
        let wish = Wish {
            skip,
            ..Wish::default()
        };
        let drawn = timeline(&story, &wish);
        (drawn.rows_before, drawn.rows.len(), drawn.rows_after)
    };
    assert_eq!(page(0), (0, 200, 301));
    assert_eq!(page(400), (400, 101, 0));
    assert_eq!(page(9_999), (501, 0, 0));
}

#[test]
fn a_run_that_waits_very_often_is_drawn_coarsely() {
    let mut text = "run 0 running".to_owned();
    for n in 1..20_000 {
        let at = 10 * n;
        write!(
            text,
            ", {at} waiting timer 1, {} pending, {} running",
            at + 5,
            at + 6
        )
        .unwrap();
    }
    let drawn = timeline(&story(&text), &Wish::default());
    let segments: usize = drawn.rows.iter().map(|row| row.segments.len()).sum();
    assert!(segments <= SEGMENTS_MAX, "{segments}");
    assert!(segments > SEGMENTS_MAX / 2, "{segments}");
}

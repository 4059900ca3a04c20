//! The rows: calls in the order of their scopes, with many of one name as one.

use std::collections::{HashMap, HashSet};

use super::axis::Axis;
use super::critical::Step;
use super::group::{Group, group, has_failed};
use super::items::{Item, Items};
use super::lane::{Lane, Mark, Segment, SegmentKind};
use super::shape::{GROUP_MIN, GROUP_PAGE, Link, ROWS_MAX, RowKind, SEGMENTS_MAX, Show, Wish};
use model::{RunId, StateType, Timestamp};

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Names the row within its attempt: the position of its call, 0 for the run.
    pub key: u64,
    /// How many scopes it lies in.
    pub depth: usize,
    pub kind: RowKind,
    pub name: String,
    pub link: Option<Link>,
    pub state: StateType,
    /// When it was called, and when it settled.
    pub from: Timestamp,
    pub to: Option<Timestamp>,
    /// In order; they do not overlap.
    pub segments: Vec<Segment>,
    pub marks: Vec<Mark>,
    /// Where it lies on the critical path.
    pub critical: Vec<(Timestamp, Timestamp)>,
    /// Set if the row stands for several calls.
    pub group: Option<Group>,
}

/// The rows that are drawn, and how many are not.
pub(super) struct Page {
    pub rows: Vec<Row>,
    pub before: usize,
    pub after: usize,
}

pub(super) fn rows(items: &Items, axis: &Axis, critical: &[Step], wish: &Wish) -> Page {
    let mut spans: HashMap<u64, Vec<(Timestamp, Timestamp)>> = HashMap::new();
    for step in critical.iter().filter(|step| !step.is_queue) {
        let (from, to) = (step.from.max(axis.from), step.to.min(axis.to));
        if from < to {
            spans.entry(step.key).or_default().push((from, to));
        }
    }
    let mut layout = Layout {
        axis,
        wish,
        by_scope: by_scope(items, wish, &spans),
        spans,
        rows: Vec::new(),
    };
    if let Some(run) = items.all.first() {
        layout.add(run, 0);
    }
    let mut rows = layout.rows;
    let all = rows.len();
    let before = wish.skip.min(all);
    let after = all.saturating_sub(before + ROWS_MAX);
    rows.truncate(all - after);
    rows.drain(..before);
    thin(&mut rows, axis);
    Page {
        rows,
        before,
        after,
    }
}

/// The calls of each scope, in order, as far as they are shown.
fn by_scope<'i>(
    items: &'i Items,
    wish: &Wish,
    spans: &HashMap<u64, Vec<(Timestamp, Timestamp)>>,
) -> HashMap<RunId, Vec<&'i Item>> {
    let shown = shown_keys(items, wish, spans);
    let mut by_scope: HashMap<RunId, Vec<&Item>> = HashMap::new();
    let scopes: HashSet<RunId> = items.all.iter().filter_map(|item| item.opens).collect();
    for item in items.all.iter().skip(1) {
        if shown
            .as_ref()
            .is_some_and(|shown| !shown.contains(&item.key))
        {
            continue;
        }
        // A scope that is not known is taken for the run itself.
        let scope = item.scope.filter(|scope| scopes.contains(scope));
        let scope = scope.filter(|scope| item.opens != Some(*scope));
        by_scope
            .entry(scope.unwrap_or(items.run))
            .or_default()
            .push(item);
    }
    by_scope
}

/// The keys of what is shown, with the scopes around it. None: everything.
fn shown_keys(
    items: &Items,
    wish: &Wish,
    spans: &HashMap<u64, Vec<(Timestamp, Timestamp)>>,
) -> Option<HashSet<u64>> {
    let is_shown = |item: &Item| match wish.show {
        Show::All => true,
        Show::Failed => item.has_failed(),
        Show::Critical => spans.contains_key(&item.key),
    };
    if wish.show == Show::All {
        return None;
    }
    let opened: HashMap<RunId, &Item> = items
        .all
        .iter()
        .filter_map(|item| Some((item.opens?, item)))
        .collect();
    let mut shown = HashSet::new();
    for item in items.all.iter().filter(|item| is_shown(item)) {
        let mut at = Some(item);
        while let Some(item) = at
            && shown.insert(item.key)
        {
            at = item.scope.and_then(|scope| opened.get(&scope).copied());
        }
    }
    Some(shown)
}

struct Layout<'l> {
    axis: &'l Axis,
    wish: &'l Wish,
    by_scope: HashMap<RunId, Vec<&'l Item>>,
    spans: HashMap<u64, Vec<(Timestamp, Timestamp)>>,
    rows: Vec<Row>,
}

impl Layout<'_> {
    /// The row of a call, and those of what was called in it.
    fn add(&mut self, item: &Item, depth: usize) {
        let critical = self.spans.get(&item.key).cloned().unwrap_or_default();
        let mut lane = item.lane.clone();
        lane.clip(self.axis.from, self.axis.to);
        self.rows.push(Row {
            critical,
            ..row(item, depth, lane)
        });
        // Each scope is taken out, so that it is shown once, whatever the rows say.
        let inner = item.opens.and_then(|scope| self.by_scope.remove(&scope));
        if let Some(inner) = inner {
            self.add_scope(&inner, depth + 1);
        }
    }

    fn add_scope(&mut self, items: &[&Item], depth: usize) {
        let mut alike: HashMap<(RowKind, &str), Vec<&Item>> = HashMap::new();
        for item in items {
            if let Some(name) = &item.alike {
                alike.entry((item.kind, name)).or_default().push(item);
            }
        }
        for item in items {
            let members = item.alike.as_ref().and_then(|name| {
                let members = alike.get_mut(&(item.kind, name.as_str()))?;
                (members.len() >= GROUP_MIN || members.is_empty()).then_some(members)
            });
            match members.map(std::mem::take) {
                None => self.add(item, depth),
                // It is a member of a group that is there already.
                Some(members) if members.is_empty() => {}
                Some(members) => self.add_group(members, depth),
            }
        }
    }

    /// What failed comes first, then what goes on, then what took longest.
    fn add_group(&mut self, mut members: Vec<&Item>, depth: usize) {
        let first = members[0];
        let opened = self.wish.opened.iter().find(|(key, _)| *key == first.key);
        let shown = opened.map(|(_, shown)| (*shown).max(GROUP_PAGE).min(members.len()));
        self.rows.push(self.head(&members, depth, shown));
        let Some(shown) = shown else {
            return;
        };
        let end = self.axis.to;
        let took = |item: &Item| item.to.unwrap_or(end).since(item.from);
        members.sort_by_key(|item| {
            let rank = (!has_failed(item), !item.is_open());
            (rank, std::cmp::Reverse(took(item)), item.key)
        });
        for member in &members[..shown] {
            self.add(member, depth + 1);
        }
        let left = members.len() - shown;
        if left > 0 {
            self.rows.push(Row {
                kind: RowKind::More { left },
                ..row(first, depth + 1, Lane::default())
            });
        }
    }

    fn head(&self, members: &[&Item], depth: usize, shown: Option<usize>) -> Row {
        let first = members[0];
        let mut critical: Vec<_> = members
            .iter()
            .filter_map(|item| self.spans.get(&item.key))
            .flatten()
            .copied()
            .collect();
        critical.sort_unstable();
        let group = group(members, self.axis, shown);
        Row {
            name: first.alike.clone().unwrap_or_else(|| first.name.clone()),
            link: None,
            state: state_of(members, group.failed, group.unsettled),
            from: members.iter().map(|it| it.from).min().unwrap_or(first.from),
            to: members
                .iter()
                .map(|it| it.to)
                .max()
                .flatten()
                .filter(|_| group.unsettled == 0),
            critical,
            group: Some(group),
            ..row(first, depth, Lane::default())
        }
    }
}

/// What people see first of a group.
fn state_of(members: &[&Item], failed: usize, unsettled: usize) -> StateType {
    match (failed, unsettled) {
        (1.., _) => StateType::Failed,
        (0, 1..) => StateType::Running,
        _ if members.iter().all(|it| it.state == StateType::Cancelled) => StateType::Cancelled,
        _ => StateType::Completed,
    }
}

fn row(item: &Item, depth: usize, lane: Lane) -> Row {
    Row {
        key: item.key,
        depth,
        kind: item.kind,
        name: item.name.clone(),
        link: item.link,
        state: item.state,
        from: item.from,
        to: item.to,
        segments: lane.segments,
        marks: lane.marks,
        critical: Vec::new(),
        group: None,
    }
}

/// Leaves so many segments as can be drawn: where a row has more than its part, what is too
/// near to be told apart becomes one, of the kind that matters most.
fn thin(rows: &mut [Row], axis: &Axis) {
    let all: usize = rows.iter().map(|row| row.segments.len()).sum();
    if all <= SEGMENTS_MAX {
        return;
    }
    let part = (SEGMENTS_MAX / rows.len()).max(4);
    // What rows with few segments leave is for the others.
    let spare: usize = rows
        .iter()
        .map(|row| part.saturating_sub(row.segments.len()))
        .sum();
    let large = rows.iter().filter(|row| row.segments.len() > part).count();
    let most = part + spare / large.max(1);
    for row in rows.iter_mut().filter(|row| row.segments.len() > most) {
        row.segments = coarse(&row.segments, axis, most);
        row.marks.truncate(most);
        row.critical = joined(&row.critical, axis, most);
    }
}

/// At most `most` segments, each of at least its part of the width.
fn coarse(segments: &[Segment], axis: &Axis, most: usize) -> Vec<Segment> {
    let slot = |at: Timestamp| (axis.place(at) / axis.width * most as f64) as usize;
    let mut found: Vec<Segment> = Vec::with_capacity(most);
    let mut last_slot = None;
    for segment in segments {
        let n = slot(segment.from).min(most - 1);
        match found.last_mut() {
            Some(last) if last_slot == Some(n) => merge(last, segment),
            _ => {
                last_slot = Some(n);
                found.push(segment.clone());
            }
        }
    }
    found
}

fn merge(into: &mut Segment, next: &Segment) {
    if next.kind > into.kind {
        (into.kind, into.why) = (next.kind, next.why.clone());
    } else if next.kind != into.kind && into.kind < SegmentKind::Cancelled {
        into.why = None;
    }
    into.to = next.to;
    into.open = next.open;
}

fn joined(
    spans: &[(Timestamp, Timestamp)],
    axis: &Axis,
    most: usize,
) -> Vec<(Timestamp, Timestamp)> {
    let near = axis.width / most as f64;
    let mut found: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in spans {
        match found.last_mut() {
            Some(last) if axis.place(*from) - axis.place(last.0) < near => last.1 = *to,
            _ => found.push((*from, *to)),
        }
    }
    found
}

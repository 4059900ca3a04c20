//! Whatever is noted in whatever order: sent together, it comes to the same as one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

static ADD: Bulk = Bulk {
    table: "numbers",
    columns: &[("no", "bigint"), ("value", "bigint")],
    keys: 1,
    how: How::Insert { conflict: "" },
};

static SET: Bulk = Bulk {
    table: "numbers",
    columns: &[("no", "bigint"), ("value", "bigint")],
    keys: 1,
    how: How::Update { but: "", given: 0 },
};

/// Depends on the value before it.
static DOUBLE: Bulk = Bulk {
    table: "numbers",
    columns: &[("no", "bigint"), ("more", "bigint")],
    keys: 1,
    how: How::Update {
        but: "value = 2 * t.value + u.more",
        given: 1,
    },
};

static REMOVE: Bulk = Bulk {
    table: "numbers",
    columns: &[("no", "bigint")],
    keys: 1,
    how: How::Delete,
};

static NOTE: Bulk = Bulk {
    table: "notes",
    columns: &[("text", "bigint")],
    keys: 0,
    how: How::Insert { conflict: "" },
};

const NEGATE_ALL: &str = "UPDATE numbers SET value = -value";

#[derive(Clone, Copy, Debug)]
enum Change {
    Add(i64, i64),
    Set(i64, i64),
    Double(i64, i64),
    Remove(i64),
    Note(i64),
    NegateAll,
}

/// What the tables hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tables {
    numbers: BTreeMap<i64, i64>,
    notes: Vec<i64>,
}

impl Tables {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Add(no, value) => {
                let was = self.numbers.insert(no, value);
                assert_eq!(was, None, "row {no} is added twice");
            }
            Change::Set(no, value) => {
                self.numbers.entry(no).and_modify(|it| *it = value);
            }
            Change::Double(no, more) => {
                let double = |it: &mut i64| *it = it.wrapping_mul(2).wrapping_add(more);
                self.numbers.entry(no).and_modify(double);
            }
            Change::Remove(no) => {
                self.numbers.remove(&no);
            }
            Change::Note(text) => self.notes.push(text),
            Change::NegateAll => self.numbers.values_mut().for_each(|it| *it = -*it),
        }
    }

    /// As PostgreSQL would: a row is changed once by a statement.
    fn run(&mut self, sql: &str, params: &[Value]) {
        if sql == NEGATE_ALL {
            return self.apply(Change::NegateAll);
        }
        let column = |n: usize| match params.get(n) {
            Some(Value::List(values)) => values.iter().map(int).collect(),
            _ => Vec::new(),
        };
        let (first, second): (Vec<i64>, Vec<i64>) = (column(0), column(1));
        let kinds = [&ADD, &SET, &DOUBLE, &REMOVE, &NOTE];
        let kind = kinds.into_iter().find(|bulk| bulk.sql() == sql).unwrap();
        if matches!(kind.how, How::Update { .. }) {
            let mut distinct = first.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), first.len(), "{sql} changes a row twice");
        }
        for (n, no) in first.into_iter().enumerate() {
            let value = second.get(n).copied().unwrap_or_default();
            self.apply(match kind {
                it if std::ptr::eq(it, &ADD) => Change::Add(no, value),
                it if std::ptr::eq(it, &SET) => Change::Set(no, value),
                it if std::ptr::eq(it, &DOUBLE) => Change::Double(no, value),
                it if std::ptr::eq(it, &REMOVE) => Change::Remove(no),
                _ => Change::Note(no),
            });
        }
    }

    fn after(buffer: &mut Buffer) -> Self {
        let mut tables = Self::default();
        for (sql, params) in buffer.take() {
            tables.run(&sql, &params);
        }
        tables
    }
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(value) => *value,
        other => panic!("{other:?} is no number"),
    }
}

fn note(buffer: &mut Buffer, change: Change) {
    let row = |values: &[i64]| values.iter().copied().map(Value::Int).collect();
    match change {
        Change::Add(no, value) => buffer.bulk(&ADD, row(&[no, value])),
        Change::Set(no, value) => buffer.bulk(&SET, row(&[no, value])),
        Change::Double(no, more) => buffer.bulk(&DOUBLE, row(&[no, more])),
        Change::Remove(no) => buffer.bulk(&REMOVE, row(&[no])),
        Change::Note(text) => buffer.bulk(&NOTE, row(&[text])),
        Change::NegateAll => buffer.run(NEGATE_ALL, Vec::new()),
    }
}

/// Changes of a few rows, none of which is added while it is there.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..14_u8, 0..4_i64, 1..9_i64);
    let changes = prop::collection::vec(change, 0..40);
    changes.prop_map(|drawn| {
        let mut tables = Tables::default();
        let of = |(kind, no, value): (u8, i64, i64)| {
            let is_there = tables.numbers.contains_key(&no);
            let change = match kind {
                0..4 if !is_there => Change::Add(no, value),
                0..6 => Change::Set(no, value),
                6..9 => Change::Double(no, value),
                9..11 => Change::Remove(no),
                11..13 => Change::Note(value),
                _ => Change::NegateAll,
            };
            tables.apply(change);
            change
        };
        drawn.into_iter().map(of).collect()
    })
}

proptest! {
    #[test]
    fn together_comes_to_the_same_as_one_by_one(changes in changes()) {
        let (mut buffer, mut expected) = (Buffer::default(), Tables::default());
        for change in changes {
            note(&mut buffer, change);
            expected.apply(change);
        }
        prop_assert_eq!(Tables::after(&mut buffer), expected);
    }

    #[test]
    fn what_is_taken_back_leaves_nothing(changes in changes(), at in any::<prop::sample::Index>()) {
        let kept = at.index(changes.len() + 1);
        let (mut buffer, mut expected) = (Buffer::default(), Tables::default());
        for change in &changes[..kept] {
            note(&mut buffer, *change);
            expected.apply(*change);
        }
        let mark = buffer.mark();
        for change in &changes[kept..] {
            note(&mut buffer, *change);
        }
        if buffer.back_to(&mark) {
            // And what comes after that keeps the order, too.
            for change in [Change::Double(0, 1), Change::Set(1, 7), Change::NegateAll] {
                note(&mut buffer, change);
                expected.apply(change);
            }
            prop_assert_eq!(Tables::after(&mut buffer), expected);
        }
    }
}

#[test]
fn changes_of_a_kind_are_one_statement() {
    let mut buffer = Buffer::default();
    for no in 0..100 {
        note(&mut buffer, Change::Add(no, 1));
        note(&mut buffer, Change::Note(no));
        note(&mut buffer, Change::Double(no, 1));
        // The last one is enough.
        note(&mut buffer, Change::Set(1000, no));
    }
    let sent = buffer.take();
    assert_eq!(sent.len(), 4);
    let counted =
        |values: &Value| matches!(values, Value::List(values) if values == &[Value::Int(99)]);
    assert!(
        sent.iter()
            .any(|(sql, params)| *sql == SET.sql() && counted(&params[1]))
    );
}

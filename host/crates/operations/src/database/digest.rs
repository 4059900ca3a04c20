//! What tells whether two tables hold the same, on whatever engines.

use sha2::{Digest as _, Sha256};
use store::moving::{Cell, Row, Table};

/// The sum of a hash of each row. So it does not matter in which order an engine has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TableDigest {
    pub rows: u64,
    sum: u128,
}

impl TableDigest {
    pub(super) fn add(&mut self, table: &Table, row: &Row) {
        self.rows += 1;
        let mut hash = Sha256::new();
        for (at, (cell, column)) in row.iter().zip(table.columns).enumerate() {
            match column.fixed {
                _ if table.is_renumbered && at < table.key => add(&mut hash, &Cell::Null),
                Some(fixed) => add(&mut hash, &Cell::Int(fixed)),
                None => add(&mut hash, cell),
            }
        }
        if table.is_renumbered {
            hash.update(self.rows.to_le_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (first, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(*first));
    }
}

fn add(hash: &mut Sha256, cell: &Cell) {
    let mut part = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match cell {
        Cell::Null => part(0, &[]),
        Cell::Bool(value) => part(1, &[u8::from(*value)]),
        Cell::Int(value) => part(2, &value.to_le_bytes()),
        // PostgreSQL has no NUL in texts, and keeps the sign for it.
        Cell::Text(text) if text.contains('\0') => {
            part(3, text.replace('\0', "\u{2400}").as_bytes());
        }
        Cell::Text(text) => part(3, text.as_bytes()),
        Cell::Bytes(bytes) => part(4, bytes),
        Cell::Uuid(id) => part(5, id.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::moving::TABLES;

    fn digest(rows: &[(i64, &str)]) -> TableDigest {
        let table = TABLES.iter().find(|it| it.name == "run_origins").unwrap();
        let mut digest = TableDigest::default();
        for (no, flow) in rows {
            let row = vec![Cell::Int(*no), Cell::Text((*flow).to_owned()), Cell::Null];
            digest.add(table, &row);
        }
        digest
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_all_else_does() {
        let two = digest(&[(1, "a"), (2, "b")]);
        assert_eq!(two, digest(&[(2, "b"), (1, "a")]));
        assert_ne!(two, digest(&[(1, "b"), (2, "a")]));
        assert_ne!(two, digest(&[(1, "a")]));
        assert_ne!(two, digest(&[(1, "a"), (2, "b"), (3, "c")]));
        assert_eq!(digest(&[(1, "a\0")]), digest(&[(1, "a\u{2400}")]));
    }
}

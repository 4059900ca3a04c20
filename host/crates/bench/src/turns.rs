//! Measures two builds of this program in turns, and compares them.
//!
//! ```text
//! pair 1   other, this     of each row
//! pair 2   this, other
//! pair 3   other, this     …
//! ```
//!
//! Both are child processes with the same arguments, so nothing distinguishes them but the
//! build. They swap places after each pair: a machine that gets slower slows both alike.

use std::path::Path;

use serde::Serialize;

use crate::figures::Figure;
use crate::ground::Root;
use crate::program::{Program, Unusable, Why};
use crate::ratios::{Compared, Pair, compare, unpaired};
use crate::rounds::{Plan, Step};
use crate::settings::Settings;
use crate::workloads::Workload;

/// What two builds came to.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub rows: Vec<ComparedRow>,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
pub struct ComparedRow {
    pub name: &'static str,
    pub what: &'static str,
    pub pairs: u32,
    pub figures: Vec<Compared>,
}

/// What only one of the programs can be asked for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub name: &'static str,
    /// The figure that only one of them has. `None` is the whole row, which the other program
    /// does not know.
    pub figure: Option<String>,
}

/// Measures this program and the `other` in turns. A plan's rounds are its pairs. `told` is
/// called before each pair.
pub async fn against(
    other: &Path,
    settings: &Settings,
    plans: &[Plan],
    mut told: impl FnMut(Step),
) -> anyhow::Result<Comparison> {
    let root = Root::new(&settings.directory)?;
    // Names of the same length, since the paths of sockets have a limit.
    let both = Both {
        this: Program::new(&std::env::current_exe()?, root.path().join("a"))?,
        other: Program::new(other, root.path().join("b"))?,
        settings,
    };
    let mut rows: Vec<Measured> = plans.iter().map(Measured::new).collect();
    let most = plans.iter().map(|plan| plan.rounds).max().unwrap_or(0);
    let mut at = 0;
    for round in 1..=most {
        for index in 0..rows.len() {
            let Plan { row, rounds } = rows[index].plan;
            if round > rounds || !rows[index].is_known {
                continue;
            }
            at += 1;
            let of = rows.iter().map(Measured::pairs_planned).sum();
            told(Step { row, round, at, of });
            match both.pair(row, round).await? {
                Some(pair) => rows[index].pairs.push(pair),
                None => {
                    rows[index].is_known = false;
                    at -= 1;
                }
            }
        }
    }
    Ok(comparison(&rows))
}

struct Both<'a> {
    this: Program,
    other: Program,
    settings: &'a Settings,
}

impl Both<'_> {
    /// One round of each. `None` if the other program does not know the row: it goes first in
    /// the first round, so that this is seen at once.
    async fn pair(&self, row: Workload, round: u32) -> Result<Option<Pair>, Unusable> {
        let (this, other);
        if round % 2 == 1 {
            other = self.other.measure(row, self.settings).await;
            if is_unknown(&other) {
                return Ok(None);
            }
            this = self.this.measure(row, self.settings).await?;
        } else {
            this = self.this.measure(row, self.settings).await?;
            other = self.other.measure(row, self.settings).await;
        }
        Ok(Some(Pair {
            this,
            other: other?,
        }))
    }
}

fn is_unknown(measured: &Result<Vec<Figure>, Unusable>) -> bool {
    matches!(measured, Err(unusable) if matches!(unusable.why, Why::UnknownRow { .. }))
}

/// A row, and what was measured of it.
struct Measured {
    plan: Plan,
    /// To the other program.
    is_known: bool,
    pairs: Vec<Pair>,
}

impl Measured {
    fn new(plan: &Plan) -> Self {
        Self {
            plan: *plan,
            is_known: true,
            pairs: Vec::new(),
        }
    }

    fn pairs_planned(&self) -> u64 {
        if self.is_known {
            self.plan.rounds.into()
        } else {
            0
        }
    }
}

fn comparison(rows: &[Measured]) -> Comparison {
    let mut left_out = Vec::new();
    let mut compared = Vec::new();
    for Measured { plan, pairs, .. } in rows {
        let name = plan.row.name();
        let Some(first) = pairs.first() else {
            left_out.push(LeftOut { name, figure: None });
            continue;
        };
        let figures = unpaired(first).into_iter().map(Some);
        left_out.extend(figures.map(|figure| LeftOut { name, figure }));
        compared.push(ComparedRow {
            name,
            what: plan.row.what(),
            pairs: plan.rounds,
            figures: compare(pairs),
        });
    }
    Comparison {
        rows: compared,
        left_out,
    }
}

//! Measures rows in rounds.
//!
//! Each row has a warm-up, which counts for nothing, and then its rounds. The rows take turns,
//! a round each, so that a machine that is slow for a while slows all of them.

use std::time::Duration;

use serde::Serialize;

use crate::bed::Open;
use crate::figures::{Figure, Sample, summary};
use crate::ground::Ground;
use crate::settings::Settings;
use crate::workloads::Workload;

/// How often a row is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub row: Workload,
    pub rounds: u32,
}

/// How far it is: a round of `row` is measured next, which is number `at` of all `of` rounds
/// of all rows.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub row: Workload,
    /// The number of this round of the row, from 1; 0 is the warm-up.
    pub round: u32,
    /// From 1.
    pub at: u64,
    pub of: u64,
}

/// What the rounds of a row came to. Other builds of this program read the JSON, so it does
/// not change.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    pub rounds: u32,
    pub figures: Vec<Figure>,
}

/// Measures the rows. `open` opens a database of this engine, and `told` is called before each round.
pub async fn measure(
    settings: &Settings,
    plans: &[Plan],
    open: &Open,
    told: impl FnMut(Step),
) -> anyhow::Result<Vec<Row>> {
    let mut ground = Ground::new(settings, open)?;
    let rounds = all_rounds(&mut ground, plans, settings.round, told).await?;
    ground.clear().await?;
    let row = |(plan, rounds): (&Plan, Vec<Vec<Sample>>)| Row {
        name: plan.row.name(),
        what: plan.row.what(),
        rounds: plan.rounds,
        figures: summary(&rounds),
    };
    Ok(plans.iter().zip(rounds).map(row).collect())
}

/// The rounds of each row.
async fn all_rounds(
    ground: &mut Ground<'_>,
    plans: &[Plan],
    long: Duration,
    mut told: impl FnMut(Step),
) -> anyhow::Result<Vec<Vec<Vec<Sample>>>> {
    let mut rounds = vec![Vec::new(); plans.len()];
    let of = plans
        .iter()
        .map(|plan| u64::from(plan.rounds) + u64::from(has_warm_up(plan.row)))
        .sum();
    let mut at = 0;
    let most = plans.iter().map(|plan| plan.rounds).max().unwrap_or(0);
    // The first one warms up.
    for round in 0..=most {
        for (plan, rounds) in plans.iter().zip(&mut rounds) {
            let row = plan.row;
            if round > plan.rounds || (round == 0 && !has_warm_up(row)) {
                continue;
            }
            at += 1;
            told(Step { row, round, at, of });
            let samples = row.measure(ground, long).await?;
            if round > 0 {
                rounds.push(samples);
            }
        }
    }
    Ok(rounds)
}

fn has_warm_up(row: Workload) -> bool {
    !row.is_long()
}

//! From single measurements to figures with a spread.

use std::time::Duration;

use serde::Serialize;

use super::workloads::Round;

/// One figure over all rounds of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub unit: Unit,
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "1/s")]
    PerSecond,
}

impl Figure {
    /// A value of this figure with its unit, to three digits or so.
    pub fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::PerSecond => format!("{value:.0} /s"),
            Unit::Milliseconds if value < 10.0 => format!("{value:.2} ms"),
            Unit::Milliseconds => format!("{value:.1} ms"),
        }
    }
}

/// What the rounds of a row come to: throughput where several runs were under way at once,
/// latencies where they took turns.
pub fn summary(rounds: &[Round]) -> Vec<Figure> {
    let rates = rounds.iter().filter_map(|round| match round {
        Round::Together { runs, took } => Some(*runs as f64 / took.as_secs_f64()),
        Round::InTurn(_) => None,
    });
    let percentile = |per_mille: usize| {
        rounds.iter().filter_map(move |round| match round {
            Round::Together { .. } => None,
            Round::InTurn(took) => Some(percentile(took, per_mille)),
        })
    };
    [
        figure("throughput", Unit::PerSecond, rates.collect()),
        figure("p50", Unit::Milliseconds, percentile(500).collect()),
        figure("p99", Unit::Milliseconds, percentile(990).collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn figure(name: &'static str, unit: Unit, mut values: Vec<f64>) -> Option<Figure> {
    values.sort_by(f64::total_cmp);
    Some(Figure {
        name,
        unit,
        median: *values.get(values.len() / 2)?,
        min: *values.first()?,
        max: *values.last()?,
    })
}

/// In milliseconds, by the nearest rank.
fn percentile(took: &[Duration], per_mille: usize) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort();
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    let at = sorted.get(rank - 1).copied().unwrap_or_default();
    at.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let took: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&took, 500), 50.0);
        assert_eq!(percentile(&took, 990), 99.0);
        assert_eq!(percentile(&took[..1], 990), 100.0);
    }

    #[test]
    fn rounds_come_to_a_median_and_a_spread() {
        let round = |runs| Round::Together {
            runs,
            took: Duration::from_secs(2),
        };
        let figures = summary(&[round(20), round(60), round(40)]);
        let [rate] = &figures[..] else {
            panic!("{figures:?}")
        };
        assert_eq!((rate.min, rate.median, rate.max), (10.0, 20.0, 30.0));
    }
}

//! From single measurements to figures with a spread.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One value of one round of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: Cow<'static, str>,
    pub unit: Unit,
    pub value: f64,
}

/// One figure over all rounds of a row. Builds of this program read each other's figures, so
/// its JSON does not change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub name: Cow<'static, str>,
    pub unit: Unit,
    #[serde(flatten)]
    pub spread: Spread,
}

/// Where several values of one thing lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "us")]
    Microseconds,
    #[serde(rename = "1/s")]
    PerSecond,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "bytes")]
    Bytes,
    /// Of one core.
    #[serde(rename = "%")]
    Percent,
    /// How many times as much.
    #[serde(rename = "x")]
    Times,
}

impl Sample {
    pub fn new(name: impl Into<Cow<'static, str>>, unit: Unit, value: f64) -> Self {
        Self {
            name: name.into(),
            unit,
            value,
        }
    }

    pub fn ms(name: impl Into<Cow<'static, str>>, took: Duration) -> Self {
        Self::new(name, Unit::Milliseconds, took.as_secs_f64() * 1e3)
    }

    /// How many times as long as `measure` it took.
    pub fn times(name: impl Into<Cow<'static, str>>, took: Duration, measure: Duration) -> Self {
        let times = took.as_secs_f64() / measure.as_secs_f64();
        Self::new(name, Unit::Times, times)
    }

    /// `bytes` in mebibytes.
    pub fn mib(name: impl Into<Cow<'static, str>>, bytes: f64) -> Self {
        Self::new(name, Unit::Mebibytes, bytes / 1024.0 / 1024.0)
    }

    pub fn percent(name: impl Into<Cow<'static, str>>, percent: f64) -> Self {
        Self::new(name, Unit::Percent, percent)
    }

    pub fn rate(name: impl Into<Cow<'static, str>>, count: usize, took: Duration) -> Self {
        Self::new(name, Unit::PerSecond, count as f64 / took.as_secs_f64())
    }
}

/// What a round of runs in turn comes to, by how long each took.
pub fn latencies(took: &[Duration]) -> Vec<Sample> {
    vec![
        Sample::ms("p50", percentile(took, 500)),
        Sample::ms("p99", percentile(took, 990)),
    ]
}

/// By the nearest rank.
pub fn percentile(took: &[Duration], per_mille: usize) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort();
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// What the rounds of a row come to. Each round has the same samples.
pub fn summary(rounds: &[Vec<Sample>]) -> Vec<Figure> {
    let Some(first) = rounds.first() else {
        return Vec::new();
    };
    let figures = first.iter().enumerate().filter_map(|(at, sample)| {
        let values = rounds.iter().filter_map(|round| Some(round.get(at)?.value));
        Some(Figure {
            name: sample.name.clone(),
            unit: sample.unit,
            spread: Spread::of(values)?,
        })
    });
    figures.collect()
}

impl Spread {
    /// `None` without values. The median of an even number of values is the mean of the two
    /// in the middle: to take one of them would lean to one side.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (lower, upper) = (values.len().checked_sub(1)? / 2, values.len() / 2);
        Some(Self {
            median: f64::midpoint(values[lower], values[upper]),
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

impl Unit {
    /// Whether a larger value is the better one: so for rates. Of time, memory and the
    /// processor, less is better.
    pub fn more_is_better(self) -> bool {
        self == Self::PerSecond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let took: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&took, 500), Duration::from_millis(50));
        assert_eq!(percentile(&took, 990), Duration::from_millis(99));
        assert_eq!(percentile(&took[..1], 990), Duration::from_millis(100));
    }

    #[test]
    fn rounds_come_to_a_median_and_a_spread() {
        let round = |runs| vec![Sample::rate("throughput", runs, Duration::from_secs(2))];
        let figures = summary(&[round(20), round(60), round(40)]);
        let [rate] = &figures[..] else {
            panic!("{figures:?}")
        };
        let Spread { median, min, max } = rate.spread;
        assert_eq!((min, median, max), (10.0, 20.0, 30.0));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        let median = |values: &[f64]| Some(Spread::of(values.iter().copied())?.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn a_figure_is_read_as_it_is_written() {
        let text = r#"{"name":"p50","unit":"ms","median":2.5,"min":1.0,"max":4.0}"#;
        let figure: Figure = serde_json::from_str(text).unwrap();
        assert_eq!(figure.unit, Unit::Milliseconds);
        assert_eq!(serde_json::to_string(&figure).unwrap(), text);
    }
}

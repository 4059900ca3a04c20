//! From single measurements to figures with a spread.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

/// One value of one round of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: Cow<'static, str>,
    pub unit: Unit,
    pub value: f64,
}

/// One figure over all rounds of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub name: Cow<'static, str>,
    pub unit: Unit,
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
        let mut values: Vec<f64> = rounds
            .iter()
            .filter_map(|round| Some(round.get(at)?.value))
            .collect();
        values.sort_by(f64::total_cmp);
        Some(Figure {
            name: sample.name.clone(),
            unit: sample.unit,
            median: *values.get(values.len() / 2)?,
            min: *values.first()?,
            max: *values.last()?,
        })
    });
    figures.collect()
}

impl Figure {
    /// A value of this figure with its unit, to three digits or so.
    pub fn show(&self, value: f64) -> String {
        let number = match value.abs() {
            large if large >= 100.0 => format!("{value:.0}"),
            middle if middle >= 10.0 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        };
        match self.unit {
            Unit::Milliseconds => format!("{number} ms"),
            Unit::Microseconds => format!("{number} µs"),
            Unit::PerSecond => format!("{value:.0} /s"),
            Unit::Mebibytes => format!("{number} MiB"),
            Unit::Bytes => format!("{value:.0} B"),
            Unit::Percent => format!("{number} %"),
            Unit::Times => format!("{number} x"),
        }
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
        assert_eq!((rate.min, rate.median, rate.max), (10.0, 20.0, 30.0));
    }

    #[test]
    fn a_value_is_shown_to_three_digits_or_so() {
        #[track_caller]
        fn check(unit: Unit, value: f64, expect: &str) {
            let figure = Figure {
                name: "p50".into(),
                unit,
                median: value,
                min: value,
                max: value,
            };
            assert_eq!(figure.show(value), expect);
        }
        check(Unit::Milliseconds, 1.234, "1.23 ms");
        check(Unit::Milliseconds, 23.45, "23.4 ms");
        check(Unit::PerSecond, 6398.2, "6398 /s");
        check(Unit::Mebibytes, 123.4, "123 MiB");
        check(Unit::Times, 1.014, "1.01 x");
    }
}

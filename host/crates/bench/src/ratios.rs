//! From the rounds of two programs to ratios.
//!
//! A pair is one round of this program and one of the other, measured right after each other.
//! A machine that is slow for a while is slow for both rounds of a pair, so the ratio within
//! a pair says more than the ratio of two medians: the ratio is taken in each pair, and the
//! median is that of the ratios.
//!
//! A ratio above 1 always means that this program is better, whether more of the unit is
//! better (a rate) or less of it (a time, memory).

use std::borrow::Cow;

use serde::Serialize;

use crate::figures::{Figure, Spread, Unit};

/// The figures of one round of each program.
#[derive(Clone, Debug)]
pub struct Pair {
    pub this: Vec<Figure>,
    pub other: Vec<Figure>,
}

/// One figure of both programs, over all pairs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub name: Cow<'static, str>,
    pub unit: Unit,
    pub this: Spread,
    pub other: Spread,
    /// How many times better this program is. `None` where a value is not above zero in any
    /// pair, such as memory that was given back.
    pub ratio: Option<Spread>,
}

/// Compares the figures that both programs have. Both have the same ones in each pair.
pub fn compare(pairs: &[Pair]) -> Vec<Compared> {
    let Some(first) = pairs.first() else {
        return Vec::new();
    };
    let compared = first.this.iter().filter_map(|figure| {
        let values: Vec<(f64, f64)> = pairs
            .iter()
            .filter_map(|pair| Some((value(&pair.this, figure)?, value(&pair.other, figure)?)))
            .collect();
        let ratios = values
            .iter()
            .filter_map(|(this, other)| times_better(figure.unit, *this, *other));
        Some(Compared {
            name: figure.name.clone(),
            unit: figure.unit,
            this: Spread::of(values.iter().map(|(this, _)| *this))?,
            other: Spread::of(values.iter().map(|(_, other)| *other))?,
            ratio: Spread::of(ratios),
        })
    });
    compared.collect()
}

/// The names of the figures that only one of the programs has.
pub fn unpaired(pair: &Pair) -> Vec<String> {
    let lacks = |there: &[Figure], it: &Figure| value(there, it).is_none();
    let of_this = pair.this.iter().filter(|it| lacks(&pair.other, it));
    let of_other = pair.other.iter().filter(|it| lacks(&pair.this, it));
    let mut names: Vec<String> = Vec::new();
    for figure in of_this.chain(of_other) {
        if !names.iter().any(|name| *name == figure.name) {
            names.push(figure.name.to_string());
        }
    }
    names
}

/// The value of the same figure among others.
fn value(figures: &[Figure], wanted: &Figure) -> Option<f64> {
    let same = |it: &&Figure| it.name == wanted.name && it.unit == wanted.unit;
    Some(figures.iter().find(same)?.spread.median)
}

fn times_better(unit: Unit, this: f64, other: f64) -> Option<f64> {
    if this <= 0.0 || other <= 0.0 {
        return None;
    }
    if unit.more_is_better() {
        Some(this / other)
    } else {
        Some(other / this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &'static str, unit: Unit, value: f64) -> Figure {
        Figure {
            name: name.into(),
            unit,
            spread: Spread::of([value]).unwrap(),
        }
    }

    fn pairs(unit: Unit, values: &[(f64, f64)]) -> Vec<Pair> {
        let pair = |(this, other): &(f64, f64)| Pair {
            this: vec![figure("it", unit, *this)],
            other: vec![figure("it", unit, *other)],
        };
        values.iter().map(pair).collect()
    }

    /// The ratio as (median, min, max).
    #[track_caller]
    fn check(unit: Unit, values: &[(f64, f64)], expect: Option<(f64, f64, f64)>) {
        let compared = compare(&pairs(unit, values));
        let [one] = &compared[..] else {
            panic!("{compared:?}")
        };
        let ratio = one.ratio.map(|it| (it.median, it.min, it.max));
        assert_eq!(ratio, expect);
    }

    #[test]
    fn above_one_means_that_this_program_is_better() {
        check(Unit::PerSecond, &[(200.0, 100.0)], Some((2.0, 2.0, 2.0)));
        check(Unit::Milliseconds, &[(1.0, 2.0)], Some((2.0, 2.0, 2.0)));
        check(Unit::Mebibytes, &[(4.0, 2.0)], Some((0.5, 0.5, 0.5)));
        check(Unit::Percent, &[(4.0, 2.0)], Some((0.5, 0.5, 0.5)));
    }

    /// The machine was slow in the second pair: of the medians the ratio would be 1.5.
    #[test]
    fn the_ratio_is_taken_within_each_pair() {
        let values = [(10.0, 20.0), (100.0, 200.0), (20.0, 30.0)];
        check(Unit::Milliseconds, &values, Some((2.0, 1.5, 2.0)));
        let compared = compare(&pairs(Unit::Milliseconds, &values));
        assert_eq!(
            (compared[0].this.median, compared[0].other.median),
            (20.0, 30.0)
        );
    }

    #[test]
    fn what_is_not_above_zero_has_no_ratio() {
        check(Unit::Mebibytes, &[(-0.5, 1.0), (1.0, 0.0)], None);
        let ratio = Some((2.0, 2.0, 2.0));
        check(Unit::Mebibytes, &[(-0.5, 1.0), (1.0, 2.0)], ratio);
    }

    #[test]
    fn figures_pair_by_name_and_unit() {
        let ms = Unit::Milliseconds;
        let pair = Pair {
            this: vec![figure("p50", ms, 1.0), figure("p99", ms, 2.0)],
            other: vec![
                figure("most", ms, 9.0),
                figure("p99", Unit::Microseconds, 4000.0),
                figure("p50", ms, 3.0),
            ],
        };
        let compared = compare(std::slice::from_ref(&pair));
        let names: Vec<&str> = compared.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["p50"]);
        assert_eq!(unpaired(&pair), ["p99", "most"]);
    }
}

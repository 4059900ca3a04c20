//! The figures as tables.

use bench::{Compared, Comparison, Row, Unit};
use comfy_table::{Cell, CellAlignment};

use crate::cli::table::{Table, text};

/// The figures of one program.
pub fn measured(rows: &[Row]) -> Table {
    let mut table = Table::new(["WORK", "FIGURE", "MEDIAN", "MIN", "MAX"]);
    for row in rows {
        for (at, figure) in row.figures.iter().enumerate() {
            let spread = figure.spread;
            table.row([
                text(if at == 0 { row.what } else { "" }),
                text(&figure.name),
                value(figure.unit, spread.median),
                value(figure.unit, spread.min),
                value(figure.unit, spread.max),
            ]);
        }
    }
    table
}

/// The figures of two programs and their ratios.
pub fn compared(comparison: &Comparison) -> Table {
    let header = [
        "WORK", "PAIRS", "FIGURE", "THIS", "OTHER", "RATIO", "MIN", "MAX",
    ];
    let mut table = Table::new(header);
    for row in &comparison.rows {
        for (at, figure) in row.figures.iter().enumerate() {
            let Compared { unit, ratio, .. } = figure;
            table.row([
                text(if at == 0 { row.what } else { "" }),
                text(if at == 0 {
                    row.pairs.to_string()
                } else {
                    String::new()
                }),
                text(&figure.name),
                value(*unit, figure.this.median),
                value(*unit, figure.other.median),
                number(ratio.map(|it| it.median)),
                number(ratio.map(|it| it.min)),
                number(ratio.map(|it| it.max)),
            ]);
        }
    }
    table
}

fn value(unit: Unit, value: f64) -> Cell {
    Cell::new(show(unit, value)).set_alignment(CellAlignment::Right)
}

/// A ratio, or a dash.
fn number(ratio: Option<f64>) -> Cell {
    let shown = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
    Cell::new(shown).set_alignment(CellAlignment::Right)
}

/// A value with its unit, to three digits or so.
fn show(unit: Unit, value: f64) -> String {
    let number = match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    match unit {
        Unit::Milliseconds => format!("{number} ms"),
        Unit::Microseconds => format!("{number} µs"),
        Unit::PerSecond => format!("{value:.0} /s"),
        Unit::Mebibytes => format!("{number} MiB"),
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Percent => format!("{number} %"),
        Unit::Times => format!("{number} x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::{Columns, Room};
    use bench::{ComparedRow, LeftOut, Spread};

    #[test]
    fn a_value_is_shown_to_three_digits_or_so() {
        assert_eq!(show(Unit::Milliseconds, 1.234), "1.23 ms");
        assert_eq!(show(Unit::Milliseconds, 23.45), "23.4 ms");
        assert_eq!(show(Unit::PerSecond, 6398.2), "6398 /s");
        assert_eq!(show(Unit::Mebibytes, 123.4), "123 MiB");
        assert_eq!(show(Unit::Times, 1.014), "1.01 x");
    }

    #[test]
    fn a_comparison_shows_both_programs_and_the_ratio() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        let figure = |name: &'static str, unit, this, other, ratio: &[f64]| Compared {
            name: name.into(),
            unit,
            this: spread(&[this]).unwrap(),
            other: spread(&[other]).unwrap(),
            ratio: spread(ratio),
        };
        let memory = [
            figure("idle", Unit::Mebibytes, 20.0, 30.0, &[1.5]),
            figure("beyond idle", Unit::Mebibytes, -0.5, 30.0, &[]),
        ];
        let rate = figure(
            "throughput",
            Unit::PerSecond,
            990.0,
            1000.0,
            &[0.9, 0.99, 1.1],
        );
        let row = |name, what, figures| ComparedRow {
            name,
            what,
            pairs: 3,
            figures,
        };
        let comparison = Comparison {
            rows: vec![
                row("empty", "empty flow, many at once", vec![rate]),
                row("suspended-10k", "10,000 suspended flows", memory.into()),
            ],
            left_out: vec![LeftOut {
                name: "kill",
                figure: None,
            }],
        };
        insta::assert_snapshot!(compared(&comparison).render(Columns::Usual, Room::Any, false), @r"
        WORK                      PAIRS  FIGURE       THIS       OTHER     RATIO  MIN    MAX
        empty flow, many at once  3      throughput      990 /s   1000 /s  0.990  0.900  1.100
        10,000 suspended flows    3      idle          20.0 MiB  30.0 MiB  1.500  1.500  1.500
                                         beyond idle  -0.50 MiB  30.0 MiB      -      -      -
        ");
    }
}

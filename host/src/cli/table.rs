//! Tables and lists of fields, without borders: they can be cut and searched with text tools.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement};
use indicatif::BinaryBytes;

use super::text::one_line;
use model::StateType;
use operations::view::StateView;

/// Which columns of a table are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    Usual,
    All,
}

/// Rows under a header.
pub struct Table {
    header: Vec<&'static str>,
    /// So many columns are usual; those after them are for who asks for all.
    usual: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(header: impl IntoIterator<Item = &'static str>) -> Self {
        let header: Vec<&'static str> = header.into_iter().collect();
        Self {
            usual: header.len(),
            header,
            rows: Vec::new(),
        }
    }

    /// With more columns, which are shown to who asks for all.
    pub fn with_more(mut self, header: impl IntoIterator<Item = &'static str>) -> Self {
        self.header.extend(header);
        self
    }

    /// Adds a row; one cell for each column, also for those that are not always shown.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows as lines. They are never wrapped, so that an id can always be copied.
    pub fn render(&self, columns: Columns, color: bool) -> String {
        let mut table = plain(color);
        let bold = |name: &&str| Cell::new(name).add_attribute(Attribute::Bold);
        let shown = match columns {
            // Fields have no header, and are shown as they are.
            Columns::Usual if !self.header.is_empty() => self.usual,
            Columns::Usual | Columns::All => usize::MAX,
        };
        if !self.header.is_empty() {
            table.set_header(self.header.iter().take(shown).map(bold));
        }
        for row in &self.rows {
            table.add_row(row.iter().take(shown).cloned());
        }
        trim(&table)
    }
}

/// Fields of one thing, a line each.
#[derive(Default)]
pub struct Fields(Vec<(&'static str, Cell)>);

impl Fields {
    pub fn add(&mut self, name: &'static str, value: Cell) -> &mut Self {
        self.0.push((name, value));
        self
    }

    /// Nothing is shown for `None`.
    pub fn add_if(&mut self, name: &'static str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, text(value));
        }
        self
    }

    pub fn table(self) -> Table {
        let mut table = Table::new([]);
        for (name, value) in self.0 {
            table.row([Cell::new(name).add_attribute(Attribute::Bold), value]);
        }
        table
    }
}

fn plain(color: bool) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// Without the space that comfy-table puts before the first column and after the last.
fn trim(table: &comfy_table::Table) -> String {
    let lines = table.lines().map(|line| {
        let line = line.strip_prefix(' ').unwrap_or(&line);
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The longest text of a cell, in bytes: a value may have millions, which nobody reads here. With
/// `-o json` it is whole.
const CELL_MAX: usize = 16 << 10;

/// A cell of plain text in one line, or of its beginning.
pub fn text(value: impl ToString) -> Cell {
    let text = value.to_string();
    if text.len() <= CELL_MAX {
        return Cell::new(one_line(&text));
    }
    let shown = one_line(&text[..text.floor_char_boundary(CELL_MAX)]);
    let all = BinaryBytes(text.len() as u64);
    Cell::new(format!("{shown}… ({all}, with `-o json` all of it)"))
}

/// A cell that is a dash if there is nothing.
pub fn maybe(value: Option<impl ToString>) -> Cell {
    match value {
        Some(value) => text(value),
        None => Cell::new("-"),
    }
}

/// A state by its name, in its colour.
pub fn state(state: &StateView) -> Cell {
    let cell = text(&state.name);
    match state.kind.parse() {
        Ok(kind) => cell.fg(color(kind)),
        // A later server may have others.
        Err(_) => cell,
    }
}

fn color(state: StateType) -> comfy_table::Color {
    use comfy_table::Color;
    match state {
        StateType::Completed => Color::Green,
        StateType::Failed | StateType::Crashed => Color::Red,
        StateType::Cancelling | StateType::Cancelled | StateType::Paused => Color::Yellow,
        StateType::Pending | StateType::Running => Color::Blue,
        StateType::Scheduled | StateType::Waiting => Color::Cyan,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{State, Timestamp};

    #[test]
    fn a_table_has_no_borders_and_is_not_wrapped() {
        let mut table = Table::new(["NAME", "STATE", "POOL"]);
        let long = "x".repeat(150);
        table.row([
            text("a\nb"),
            state(&State::pending(Timestamp(0)).into()),
            maybe(None::<&str>),
        ]);
        table.row([
            text(&long),
            state(&State::waiting(Timestamp(0)).into()),
            maybe(Some("p")),
        ]);
        let lines = table.render(Columns::Usual, false);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["a", "b", "Pending", "-"]
        );
        assert!(lines[2].starts_with(&long));
    }

    #[test]
    fn a_cell_shows_the_beginning_of_a_large_value() {
        let mut fields = Fields::default();
        fields.add("result", text("ä".repeat(5 << 20)));
        let shown = fields.table().render(Columns::Usual, false);
        assert!(shown.len() < 17_000, "{}", shown.len());
        let end = "ä… (10.00 MiB, with `-o json` all of it)";
        assert!(shown.ends_with(end), "{}", &shown[16_000..]);
    }

    #[test]
    fn who_asks_for_all_columns_gets_more() {
        let mut table = Table::new(["NAME"]).with_more(["MEMORY"]);
        table.row([text("w1"), text("3 of 4")]);
        assert_eq!(table.render(Columns::Usual, false), "NAME\nw1");
        insta::assert_snapshot!(table.render(Columns::All, false), @r"
        NAME  MEMORY
        w1    3 of 4
        ");
    }

    #[test]
    fn fields_stand_below_each_other() {
        let mut fields = Fields::default();
        fields.add("name", text("etl")).add_if("pool", Some("p"));
        fields.add_if("limit", None::<u32>);
        insta::assert_snapshot!(fields.table().render(Columns::Usual, false), @r"
        name  etl
        pool  p
        ");
    }
}

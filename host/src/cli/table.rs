//! Tables and lists of fields, without borders: they can be cut and searched with text tools.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Row};
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

/// How much room there is for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// No lines are too long: stdout is no terminal, or all columns were asked for.
    Any,
    /// A terminal of so many columns.
    Width(u16),
}

/// What becomes of a column of a table that is too wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// It stays as it is.
    Whole,
    /// Its texts are cut, and end with an ellipsis.
    Cut,
    /// An id: its beginning is enough for a command, and so is the name beside it.
    Id,
}

/// The beginning of an id of a run, up to its milliseconds.
const ID_SHORT: usize = 13;
/// What a cut column has at least.
const CUT_MIN: usize = 12;
/// Between two columns.
const GAP: usize = 2;

/// Rows under a header.
pub struct Table {
    header: Vec<&'static str>,
    fits: Vec<Fit>,
    /// The columns whose texts are cut, in the order in which they are left out if that is not
    /// enough.
    cut: Vec<usize>,
    /// So many columns are usual; those after them are for who asks for all.
    usual: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(header: impl IntoIterator<Item = &'static str>) -> Self {
        let header: Vec<&'static str> = header.into_iter().collect();
        Self {
            usual: header.len(),
            fits: vec![Fit::Whole; header.len()],
            cut: Vec::new(),
            header,
            rows: Vec::new(),
        }
    }

    /// Texts in these columns are cut where a terminal has no room for them. If that is not enough,
    /// the columns are left out, the first that is named here first.
    pub fn cutting(mut self, names: &[&str]) -> Self {
        for name in names {
            let at = self.column(name);
            self.fits[at] = Fit::Cut;
            self.cut.push(at);
        }
        self
    }

    /// This column has ids, which are shortened or left out where a terminal has no room for
    /// them: beside them are names.
    pub fn with_ids(mut self, name: &str) -> Self {
        let at = self.column(name);
        self.fits[at] = Fit::Id;
        self
    }

    fn column(&self, name: &str) -> usize {
        let at = self.header.iter().position(|known| *known == name);
        at.expect("a column of the table is named")
    }

    /// With more columns, which are shown to who asks for all.
    pub fn with_more(mut self, header: impl IntoIterator<Item = &'static str>) -> Self {
        self.header.extend(header);
        self.fits.resize(self.header.len(), Fit::Whole);
        self
    }

    /// Adds a row; one cell for each column, also for those that are not always shown.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows as lines. They are never wrapped, so that a name can always be copied.
    pub fn render(&self, columns: Columns, room: Room, color: bool) -> String {
        let shown = match columns {
            // Fields have no header, and are shown as they are.
            Columns::Usual if !self.header.is_empty() => self.usual,
            Columns::Usual | Columns::All => usize::MAX,
        };
        let fitting = self.fitting(shown, room);
        let mut table = plain(color);
        if !self.header.is_empty() {
            let header = self.header.iter().take(shown);
            let bold = |cell: Cell| cell.add_attribute(Attribute::Bold);
            let header = fitting.cells(header.map(Cell::new));
            let mut header = Row::from(header.into_iter().map(bold));
            header.max_height(1);
            table.set_header(header);
        }
        for row in &self.rows {
            table.add_row(fitting.cells(row.iter().take(shown).cloned()));
        }
        for column in table.column_iter_mut() {
            // Nothing before the first column; what is after the last is trimmed.
            column.set_padding((0, GAP as u16));
        }
        if let Room::Width(width) = room
            && !self.cut.is_empty()
        {
            fitting.cut(&mut table, width);
        }
        trim(&table)
    }

    /// How the first columns are shown so that they fit.
    fn fitting(&self, shown: usize, room: Room) -> Fitting<'_> {
        let mut fitting = Fitting {
            fits: &self.fits,
            ids: Ids::Whole,
            hidden: Vec::new(),
        };
        let Room::Width(width) = room else {
            return fitting;
        };
        let widest = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let cells = cells.map(|cell| cell.content().chars().count());
            cells.chain([self.header[at].len()]).max().unwrap_or(0)
        };
        let (mut least, mut with_ids) = (0, 0);
        for at in 0..self.header.len().min(shown) {
            match self.fits[at] {
                Fit::Whole => least += GAP + widest(at),
                Fit::Cut => least += GAP + widest(at).min(CUT_MIN),
                Fit::Id => with_ids += GAP + widest(at),
            }
        }
        // There is no gap after the last.
        let room = usize::from(width) + GAP;
        if least + with_ids > room && with_ids > 0 {
            fitting.ids = if least + GAP + ID_SHORT <= room {
                Ids::Short
            } else {
                Ids::Hidden
            };
        }
        for at in self.cut.iter().copied().filter(|at| *at < shown) {
            if least > room {
                least -= GAP + widest(at).min(CUT_MIN);
                fitting.hidden.push(at);
            }
        }
        fitting
    }
}

/// How the columns of a table are shown on a terminal.
struct Fitting<'a> {
    fits: &'a [Fit],
    ids: Ids,
    /// Columns that are left out.
    hidden: Vec<usize>,
}

impl Fitting<'_> {
    fn is_shown(&self, at: usize) -> bool {
        let is_hidden_id = self.ids == Ids::Hidden && self.fits.get(at) == Some(&Fit::Id);
        !is_hidden_id && !self.hidden.contains(&at)
    }

    /// The cells of a row that are shown.
    fn cells(&self, row: impl Iterator<Item = Cell>) -> Vec<Cell> {
        let shown = row.enumerate().filter(|(at, _)| self.is_shown(*at));
        let cells = shown.map(|(at, cell)| {
            let content = cell.content();
            match (self.fits.get(at), self.ids, content.get(..ID_SHORT)) {
                (Some(Fit::Id), Ids::Short, Some(short)) => Cell::new(short),
                _ => cell,
            }
        });
        cells.collect()
    }

    /// Cuts texts so that no line is wider than a terminal.
    fn cut(&self, table: &mut comfy_table::Table, width: u16) {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width + GAP as u16)
            .set_truncation_indicator("…");
        let fits = self.fits.iter().enumerate();
        let fits = fits.filter(|(at, _)| self.is_shown(*at));
        for (column, (_, fit)) in table.column_iter_mut().zip(fits) {
            if *fit != Fit::Cut {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        for row in table.row_iter_mut() {
            row.max_height(1);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ids {
    Whole,
    Short,
    Hidden,
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

/// Without the space that comfy-table puts after the last column.
fn trim(table: &comfy_table::Table) -> String {
    let lines = table.lines().map(|line| line.trim_end().to_owned());
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
        let lines = table.render(Columns::Usual, Room::Any, false);
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
        let shown = fields.table().render(Columns::Usual, Room::Any, false);
        assert!(shown.len() < 17_000, "{}", shown.len());
        let end = "ä… (10.00 MiB, with `-o json` all of it)";
        assert!(shown.ends_with(end), "{}", &shown[16_000..]);
    }

    #[test]
    fn who_asks_for_all_columns_gets_more() {
        let mut table = Table::new(["NAME"]).with_more(["MEMORY"]);
        table.row([text("w1"), text("3 of 4")]);
        assert_eq!(table.render(Columns::Usual, Room::Any, false), "NAME\nw1");
        insta::assert_snapshot!(table.render(Columns::All, Room::Any, false), @r"
        NAME  MEMORY
        w1    3 of 4
        ");
    }

    #[track_caller]
    fn check_width(width: u16, expect: &str) {
        let header = ["ID", "NAME", "STATE", "REASON"];
        let mut table = Table::new(header).with_ids("ID").cutting(&["REASON"]);
        let id = "01a2292d-ca11-7468-a6c1-243cbdacf587";
        table.row([
            text(id),
            text("silver-otter"),
            text("Failed"),
            text("no route to the host that was asked for"),
        ]);
        table.row([text(id), text("calm-ibis"), text("Completed"), text("-")]);
        let shown = table.render(Columns::Usual, Room::Width(width), false);
        assert_eq!(shown, expect);
        let widest = shown.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap() <= usize::from(width));
    }

    #[test]
    fn a_table_fits_a_terminal() {
        check_width(
            120,
            "\
ID                                    NAME          STATE      REASON
01a2292d-ca11-7468-a6c1-243cbdacf587  silver-otter  Failed     no route to the host that was asked for
01a2292d-ca11-7468-a6c1-243cbdacf587  calm-ibis     Completed  -",
        );
        check_width(
            80,
            "\
ID                                    NAME          STATE      REASON
01a2292d-ca11-7468-a6c1-243cbdacf587  silver-otter  Failed     no route to the…
01a2292d-ca11-7468-a6c1-243cbdacf587  calm-ibis     Completed  -",
        );
        check_width(
            60,
            "\
ID             NAME          STATE      REASON
01a2292d-ca11  silver-otter  Failed     no route to the hos…
01a2292d-ca11  calm-ibis     Completed  -",
        );
        check_width(
            45,
            "\
NAME          STATE      REASON
silver-otter  Failed     no route to the hos…
calm-ibis     Completed  -",
        );
    }

    #[test]
    fn colours_move_nothing() {
        let mut table = Table::new(["NAME", "STATE"]);
        table.row([text("w1"), state(&State::pending(Timestamp(0)).into())]);
        let coloured = table.render(Columns::Usual, Room::Any, true);
        assert!(coloured.contains('\u{1b}'));
        for (line, expect) in coloured.lines().zip(["NAME  STATE", "w1    Pending"]) {
            let mut plain = String::new();
            let mut parts = line.split('\u{1b}');
            plain.extend(parts.next());
            plain.extend(parts.filter_map(|part| part.split_once('m').map(|(_, text)| text)));
            assert_eq!(plain.trim_end(), expect);
        }
    }

    #[test]
    fn fields_stand_below_each_other() {
        let mut fields = Fields::default();
        fields.add("name", text("etl")).add_if("pool", Some("p"));
        fields.add_if("limit", None::<u32>);
        insta::assert_snapshot!(fields.table().render(Columns::Usual, Room::Any, false), @r"
        name  etl
        pool  p
        ");
    }
}

//! The only place that writes to stdout and stderr.
//!
//! stdout is data: tables and results, or JSON with `-o json`. stderr is everything else.
//! A live progress line on stderr is moved out of the way of whatever is printed.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use super::error::StdoutClosed;
use super::table::{Columns, Room, Table};
use super::text::{harmless, harmless_json};
use clap::builder::styling::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use operations::view::View;

/// How data is printed, as typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FormatArg {
    /// For people.
    #[default]
    Text,
    /// The same with all columns of a listing that has more, and nothing cut to fit a terminal.
    Wide,
    /// For programs; times as in RFC 3339.
    Json,
}

/// For whom data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    fn is_on(self, terminal: bool) -> bool {
        let unwanted = || {
            std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
        };
        match self {
            Self::Auto => terminal && !unwanted(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// One of the two streams, where a command may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub format: Format,
    columns: Columns,
    room: Room,
    quiet: bool,
    color_out: bool,
    color_err: bool,
    live: bool,
    progress: MultiProgress,
}

impl Output {
    pub fn new(format: FormatArg, color: Color, quiet: bool) -> Self {
        let live = io::stderr().is_terminal() && !quiet;
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let (format, columns) = match format {
            FormatArg::Text => (Format::Text, Columns::Usual),
            FormatArg::Wide => (Format::Text, Columns::All),
            FormatArg::Json => (Format::Json, Columns::All),
        };
        Self {
            format,
            columns,
            room: match (columns, terminal_width()) {
                (Columns::Usual, Some(width)) => Room::Width(width),
                _ => Room::Any,
            },
            quiet,
            color_out: color.is_on(io::stdout().is_terminal()),
            color_err: color.is_on(io::stderr().is_terminal()),
            live,
            progress: MultiProgress::with_draw_target(target),
        }
    }

    /// Data: one line or several.
    pub fn data(&self, text: &str) -> anyhow::Result<()> {
        let written = self.progress.suspend(|| {
            let mut out = io::stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush())
        });
        written.map_err(|err| match err.kind() {
            io::ErrorKind::BrokenPipe => StdoutClosed.into(),
            _ => anyhow::Error::new(err).context("cannot write to stdout"),
        })
    }

    /// Data for programs: indented, one value.
    pub fn json(&self, value: &impl View) -> anyhow::Result<()> {
        self.data(&harmless_json(&serde_json::to_string_pretty(value)?))
    }

    /// What a command has changed, as it is now, for programs: people are told in words.
    pub fn changed(&self, value: &impl View) -> anyhow::Result<()> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json => self.json(value),
        }
    }

    /// Data for programs: one value a line, for what has no end.
    pub fn json_line(&self, value: &impl View) -> anyhow::Result<()> {
        self.data(&harmless_json(&serde_json::to_string(value)?))
    }

    /// Rows for people; for none of them `nothing` is said instead, on stderr.
    pub fn table(&self, table: &Table, nothing: &str) -> anyhow::Result<()> {
        if table.is_empty() {
            self.note(nothing);
            return Ok(());
        }
        self.data(&table.render(self.columns, self.room, self.color_out))
    }

    /// A line on either stream. Log lines are data to some commands and not to others.
    pub fn line(&self, stream: Stream, text: &str) -> anyhow::Result<()> {
        match stream {
            Stream::Stdout => self.data(text),
            Stream::Stderr => {
                self.note(text);
                Ok(())
            }
        }
    }

    /// What is good to know.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.err(text);
        }
    }

    /// What may be wrong, and what to do.
    pub fn warn(&self, text: &str, hint: &str) {
        let style = AnsiColor::Yellow.on_default().bold();
        self.note(&format!(
            "{} {}",
            self.paint(Stream::Stderr, "warning:", style),
            harmless(text)
        ));
        self.hint(hint);
    }

    /// What went wrong, and what to do.
    pub fn error(&self, text: &str, hint: Option<&str>) {
        let style = AnsiColor::Red.on_default().bold();
        self.err(&format!(
            "{} {}",
            self.paint(Stream::Stderr, "error:", style),
            harmless(text)
        ));
        if let Some(hint) = hint {
            self.err(&self.hint_line(hint));
        }
    }

    /// What to do next.
    pub fn hint(&self, text: &str) {
        self.note(&self.hint_line(text));
    }

    fn hint_line(&self, text: &str) -> String {
        let style = AnsiColor::Cyan.on_default().bold();
        format!(
            "{} {}",
            self.paint(Stream::Stderr, "hint:", style),
            harmless(text)
        )
    }

    /// Write errors are ignored: there is nowhere left to report them.
    fn err(&self, text: &str) {
        self.progress.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    pub fn paint<'a>(&self, stream: Stream, text: &'a str, style: Style) -> Cow<'a, str> {
        let on = match stream {
            Stream::Stdout => self.color_out,
            Stream::Stderr => self.color_err,
        };
        if on {
            format!("{style}{text}{style:#}").into()
        } else {
            text.into()
        }
    }

    pub fn color_err(&self) -> bool {
        self.color_err
    }

    /// Whether stderr is a terminal, where a line can be drawn again and again.
    pub fn is_live(&self) -> bool {
        self.live
    }

    pub fn progress(&self) -> &MultiProgress {
        &self.progress
    }

    /// A line that tells how far something is; hidden where stderr is no terminal.
    pub fn progress_line(&self) -> ProgressBar {
        let bar = self.progress.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        if self.live {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        bar
    }
}

/// Of stdout, if it is a terminal.
fn terminal_width() -> Option<u16> {
    comfy_table::Table::new().width()
}

/// For `tracing`: stderr, with the progress line out of the way.
impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

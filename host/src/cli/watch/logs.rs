//! Lines of a run's log, each with the name of the run that said it.

use clap::builder::styling::{AnsiColor, Style};

use crate::cli::context::Context;
use crate::cli::output::{Format, Stream};
use crate::cli::text::harmless;
use crate::cli::time::{clock, local};
use model::LogLevel;
use operations::follow::{Line, Speaker};
use operations::view::LogView;

/// Prints lines of a run's log.
pub struct LogPrinter<'a> {
    cx: &'a Context,
    stream: Stream,
    /// With the day, for logs that may be old.
    dated: bool,
}

impl<'a> LogPrinter<'a> {
    /// For a log that is being written, with the time of day.
    pub fn live(cx: &'a Context, stream: Stream) -> Self {
        Self {
            cx,
            stream,
            dated: false,
        }
    }

    /// With the day too.
    pub fn dated(mut self) -> Self {
        self.dated = true;
        self
    }

    /// On stdout, JSON is a line each.
    pub fn print(&self, lines: Vec<Line>) -> anyhow::Result<()> {
        let is_json = self.stream == Stream::Stdout && self.cx.out.format == Format::Json;
        for line in lines {
            if is_json {
                self.cx.out.json_line(&LogView::from(line.line))?;
            } else {
                self.print_text(&line)?;
            }
        }
        Ok(())
    }

    fn print_text(&self, Line { line, speaker }: &Line) -> anyhow::Result<()> {
        let out = &self.cx.out;
        let at = if self.dated {
            local(line.at)
        } else {
            clock(line.at)
        };
        let level = format!("{:<5}", line.level);
        let level = out.paint(self.stream, &level, color(line.level));
        let who = match speaker {
            Speaker::Task(name) => format!("Task run '{name}'"),
            Speaker::Flow(name) => format!("Flow run '{name}'"),
            Speaker::Unknown(run) => format!("Flow run {run}"),
        };
        let message = harmless(line.message.trim_end());
        out.line(self.stream, &format!("{at} | {level} | {who} - {message}"))
    }
}

fn color(level: LogLevel) -> Style {
    match level {
        LogLevel::Trace | LogLevel::Debug => Style::new().dimmed(),
        LogLevel::Info => AnsiColor::Green.on_default(),
        LogLevel::Warn => AnsiColor::Yellow.on_default(),
        LogLevel::Error => AnsiColor::Red.on_default().bold(),
    }
}

//! Lines of a run's log, each with the name of the run that said it.

use clap::builder::styling::{AnsiColor, Style};

use crate::cli::context::Context;
use crate::cli::output::{Format, Stream};
use crate::cli::text::harmless;
use crate::cli::time::{clock, local};
use model::LogLevel;
use operations::view::{SaidView, SpeakerView};

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
    pub fn print(&self, lines: Vec<SaidView>) -> anyhow::Result<()> {
        let is_json = self.stream == Stream::Stdout && self.cx.out.format == Format::Json;
        for said in lines {
            if is_json {
                self.cx.out.json_line(&said.line)?;
            } else {
                self.print_text(&said)?;
            }
        }
        Ok(())
    }

    fn print_text(&self, SaidView { line, speaker }: &SaidView) -> anyhow::Result<()> {
        let out = &self.cx.out;
        let at = if self.dated {
            local(line.at)
        } else {
            clock(line.at)
        };
        let level = format!("{:<5}", line.level);
        let level = out.paint(self.stream, &level, color(&line.level));
        let who = match speaker {
            SpeakerView::Task(name) => format!("Task run '{name}'"),
            SpeakerView::Flow(name) => format!("Flow run '{name}'"),
            SpeakerView::Unknown => format!("Flow run {}", line.flow_run),
        };
        let message = harmless(line.message.trim_end());
        out.line(self.stream, &format!("{at} | {level} | {who} - {message}"))
    }
}

fn color(level: &str) -> Style {
    match level.parse() {
        Ok(LogLevel::Trace | LogLevel::Debug) => Style::new().dimmed(),
        Ok(LogLevel::Info) => AnsiColor::Green.on_default(),
        Ok(LogLevel::Warn) => AnsiColor::Yellow.on_default(),
        Ok(LogLevel::Error) => AnsiColor::Red.on_default().bold(),
        // A later server may have others.
        Err(_) => Style::new(),
    }
}

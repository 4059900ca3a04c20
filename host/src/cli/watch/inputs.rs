//! Input that a run waits for while it is watched: who watches may be who can give it.

use std::collections::HashSet;

use clap::builder::styling::AnsiColor;

use crate::cli::context::Context;
use crate::cli::inputs::{command, wish};
use crate::cli::output::Stream;
use crate::cli::text::one_line;
use crate::cli::time::clock;
use model::{FlowRun, InputId};

/// Tells of each awaited input once.
pub struct Inputs<'a> {
    cx: &'a Context,
    told: HashSet<InputId>,
}

impl<'a> Inputs<'a> {
    pub fn new(cx: &'a Context) -> Self {
        Self {
            cx,
            told: HashSet::new(),
        }
    }

    /// Looks at the run and the subflows within it.
    pub async fn tell(&mut self, run: &FlowRun) -> anyhow::Result<()> {
        let out = &self.cx.out;
        let awaited = self.cx.store.awaited_inputs(run.id).await?;
        for input in &awaited {
            if !self.told.insert(input.id) {
                continue;
            }
            let label = out.paint(Stream::Stderr, "INPUT", AnsiColor::Magenta.on_default());
            let (at, name) = (clock(input.asked), &run.name);
            let wish = one_line(&wish(input));
            out.note(&format!(
                "{at} | {label} | Flow run '{name}' - Waits for input {wish}"
            ));
            let command = command(input, &awaited);
            out.hint(&format!("give it: `{command}`"));
        }
        Ok(())
    }
}

//! Input that a run waits for while it is watched: who watches may be who can give it.

use clap::builder::styling::AnsiColor;

use crate::cli::context::Context;
use crate::cli::output::Stream;
use crate::cli::text::one_line;
use crate::cli::time::clock;
use model::{AwaitedInput, RunName};
use operations::problem::{command, wish};

/// Says what the run waits for, and what to type to give it.
pub fn tell(cx: &Context, name: &RunName, input: &AwaitedInput, among: &[AwaitedInput]) {
    let label = cx
        .out
        .paint(Stream::Stderr, "INPUT", AnsiColor::Magenta.on_default());
    let at = clock(input.asked);
    let wish = one_line(&wish(input));
    cx.out.note(&format!(
        "{at} | {label} | Flow run '{name}' - Waits for input {wish}"
    ));
    let command = command(input, among);
    cx.out.hint(&format!("give it: `{command}`"));
}

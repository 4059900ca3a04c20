//! `orch-host completions SHELL`

use super::error::ExitStatus;
use super::output::Output;

/// Print completions for a shell
///
/// For bash: `orch-host completions bash > ~/.local/share/bash-completion/completions/orch-host`
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// `command` is the whole command line.
pub fn run(
    args: &CompletionsArgs,
    mut command: clap::Command,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "orch-host", &mut script);
    out.data(String::from_utf8(script)?.trim_end())?;
    Ok(ExitStatus::Success)
}

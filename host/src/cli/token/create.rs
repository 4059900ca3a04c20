//! `orch-host token create NAME --role ROLE`

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::audit::audit;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::time::{SpanArg, local};
use model::{Role, TokenName};
use operations::client::CreateToken;

/// Create a token, and print it: it is never shown again
///
/// A viewer reads; an operator also starts and controls runs, and gives them input; an admin
/// also deploys, changes work pools and creates tokens.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host token create ci --role operator
  orch-host token create ci --role operator --expires 90d -o json")]
pub struct CreateArgs {
    /// Its name: the log of actions says so who did something
    name: TokenName,
    /// What its bearer may do
    #[arg(long, value_parser = role())]
    role: Role,
    /// After how long it ends, such as `90d` or `12h` [default: never]
    #[arg(long, value_name = "DURATION")]
    expires: Option<SpanArg>,
}

fn role() -> impl TypedValueParser<Value = Role> {
    let words = Role::ALL.map(Role::as_str);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<Role>())
}

pub async fn run(args: CreateArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let lasts = args.expires.map(|SpanArg(span)| span);
    let create = CreateToken {
        name: args.name,
        role: args.role,
        lasts_ms: lasts.map(|lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX)),
    };
    let made = cx.client.create_token(create).await?;
    let token = &made.token;
    audit(cx, "create_token", token.name.as_str()).await?;
    let until = match token.expires {
        Some(at) => format!(", until {}", local(at)),
        None => String::new(),
    };
    cx.out.note(&format!(
        "Created token `{}` with the role {}{until}. It is shown this once",
        token.name, token.role
    ));
    match cx.out.format {
        Format::Text => cx.out.data(&made.secret)?,
        Format::Json => cx.out.json(&made)?,
    }
    Ok(ExitStatus::Success)
}

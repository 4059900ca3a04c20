//! What a command does to tokens is in the log of actions, too.

use crate::cli::context::Context;
use model::AuditEntry;

/// Adds a line to the log of actions, as the API does.
pub async fn audit(cx: &Context, action: &str, token: &str) -> anyhow::Result<()> {
    let entry = AuditEntry {
        at: cx.now(),
        who: "command line".to_owned(),
        action: action.to_owned(),
        target: format!("/v1/tokens/{token}"),
        outcome: "done".to_owned(),
        request: None,
    };
    Ok(cx.store.audit(entry).await?)
}

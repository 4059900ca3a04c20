//! What a command does to tokens is in the log of actions, too. A server writes its log itself.

use crate::cli::context::Context;
use model::AuditEntry;

/// Adds a line to the log of actions, as the API does.
pub async fn audit(cx: &Context, action: &str, token: &str) -> anyhow::Result<()> {
    let Some(store) = cx.local_store() else {
        return Ok(());
    };
    let entry = AuditEntry {
        at: cx.now(),
        who: "command line".to_owned(),
        action: action.to_owned(),
        target: format!("/v1/tokens/{token}"),
        outcome: "done".to_owned(),
        request: None,
    };
    Ok(store.audit(entry).await?)
}

//! What runs are replayed against: a component; and what came of it, in words.

use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::text::counted;
use model::{Component, Digest, FailureKind, FlowRun, Outcome};
use operations::view::ReplayView;
use store::Catalog;
use wasm::{Prepared, Runtime};
use worker::Replayed;

/// A component that the database has.
pub async fn stored(store: &dyn Catalog, digest: Digest) -> anyhow::Result<(Component, Vec<u8>)> {
    let component = store.component(digest).await?;
    let bytes = store.component_bytes(digest).await?;
    component
        .zip(bytes)
        .context("the component of the run is gone")
}

pub async fn prepared(
    runtime: &Runtime,
    (component, bytes): (Component, Vec<u8>),
) -> anyhow::Result<Arc<Prepared>> {
    let manifest = component.manifest;
    let fetch = || async { Ok((manifest, bytes)) };
    Ok(runtime.prepare(component.digest, fetch).await?)
}

/// Whether a run was ended by something else than its flow, so that its journal stops anywhere.
fn was_cut_off(run: &FlowRun) -> bool {
    let failure = run
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.as_ref().err());
    failure.is_some_and(|failure| {
        matches!(
            failure.kind,
            FailureKind::TimedOut
                | FailureKind::Cancelled
                | FailureKind::Crashed
                | FailureKind::Limit
        )
    })
}

/// What came of a replay, in words.
pub fn view(run: &FlowRun, replayed: &Replayed) -> ReplayView {
    let (diverged, calls, message) = match replayed {
        Replayed::Diverged(divergence) if divergence.held.is_none() && was_cut_off(run) => {
            let calls = divergence.seq.0.saturating_sub(1);
            let message = format!(
                "the same: {}, where the run was cut off",
                counted(calls, "call")
            );
            (false, calls, message)
        }
        Replayed::Diverged(divergence) => (
            true,
            divergence.seq.0.saturating_sub(1),
            divergence.to_string(),
        ),
        Replayed::EndOfJournal { calls } => {
            let message = format!(
                "the same so far: {}, and the run is not over",
                counted(*calls, "call")
            );
            (false, *calls, message)
        }
        Replayed::Returned { calls, outcome } => match &run.outcome {
            Some(then) if then == outcome => (
                false,
                *calls,
                format!(
                    "the same: {}, and the same outcome",
                    counted(*calls, "call")
                ),
            ),
            Some(then) => {
                let (then, now) = (shown(then), shown(outcome));
                let message = format!(
                    "the same {}, but another outcome: it was {then}, it is {now}",
                    counted(*calls, "call")
                );
                (true, *calls, message)
            }
            None => (
                false,
                *calls,
                format!("the same so far: {}", counted(*calls, "call")),
            ),
        },
    };
    ReplayView {
        run: run.id,
        diverged,
        calls,
        message,
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(result) => format!("`{result}`"),
        Err(failure) => format!("the failure `{failure}`"),
    }
}

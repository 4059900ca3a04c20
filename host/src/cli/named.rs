//! What is named by a part of its id, or by a name.

use super::context::Context;
use model::IdPrefix;
use operations::client::{Answered, InspectRun};
use operations::view::FlowRunView;

/// The run with this id, or whose id begins so, or of this name.
pub async fn run_named(cx: &Context, IdPrefix(text): &IdPrefix) -> Answered<FlowRunView> {
    let few = InspectRun {
        task_runs: Some(1),
        journal: false,
    };
    Ok(cx.client.inspect_run(text, few).await?.run)
}

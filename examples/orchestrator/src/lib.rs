//! A flow that hands its work to other runs, which any worker may take.

use guest_sdk::prelude::*;

/// Main orchestrator that distributes work.
#[flow(name = "orchestrator")]
async fn orchestrator() -> Result<()> {
    let mut runs = Vec::new();
    for item_id in 0..10 {
        let run = run_deployment("process-item/process-item-deployment")
            .parameter("item_id", item_id)
            .timeout(Duration::ZERO) // return at once
            .await?;
        runs.push(run.id);
        info!("Submitted item {item_id}");
    }
    wait_for_flow_runs(&runs).await?;
    info!("All items processed!");
    Ok(())
}

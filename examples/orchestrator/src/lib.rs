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

#[cfg(test)]
mod tests {
    use super::*;
    use guest_sdk::testing::Harness;

    #[test]
    fn all_items_are_processed_at_the_same_time() {
        let test = Harness::new();
        let minute = Duration::from_secs(60);
        test.deployment("process-item/process-item-deployment", |_| Ok("done"))
            .takes(minute);

        test.run_async(orchestrator::call()).unwrap();

        let runs = test.child_runs();
        let items: Vec<&Value> = runs.iter().map(|run| &run.parameters["item_id"]).collect();
        assert_eq!(items, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(test.elapsed(), minute);
    }
}

//! Many flow runs on any number of workers: one flow coordinates, the other does the work.

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Rows {
    partition: u32,
    count: u64,
}

/// Reads one partition.
#[task(retries = 2, retry_delay = "1s")]
fn extract(partition: u32) -> Result<Rows> {
    std::thread::sleep(Duration::from_millis(100));
    let count = 1000 + u64::from(partition);
    Ok(Rows { partition, count })
}

/// The work: one partition, as a flow run that any worker may take.
#[flow]
fn extract_partition(partition: u32) -> Result<Rows> {
    extract(partition)
}

/// The coordination: starts a run for each partition, waits for all, and counts the rows.
#[flow(name = "etl-distributed")]
async fn etl_distributed(#[default = 20] partitions: u32) -> Result<u64> {
    let runs = (0..partitions).map(|partition| {
        run_deployment("extract-partition/extract-partition-deployment")
            .parameter("partition", partition)
            .flow_run_name(format!("partition-{partition}"))
            .timeout(Duration::ZERO) // return at once
    });
    let started = run_deployments(runs).await?;
    info!("Started {} runs", started.len());

    // Meanwhile this flow holds no slot, so the workers are free for the partitions.
    let mut total = 0;
    for run in wait_for_flow_runs(&started).await? {
        total += run.result::<Rows>()?.count;
    }
    info!("Read {total} rows");
    Ok(total)
}

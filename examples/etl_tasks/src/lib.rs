//! Many tasks at once inside one flow: each partition is read by a task run of its own, and
//! the sum takes their futures as they are.

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Rows {
    partition: u32,
    count: u64,
}

/// Reads one partition.
#[task(retries = 2, retry_delay = "1s", task_run_name = "extract-{partition}")]
fn extract(partition: u32) -> Result<Rows> {
    std::thread::sleep(Duration::from_millis(100));
    let count = 1000 + u64::from(partition);
    Ok(Rows { partition, count })
}

/// Adds up what was read.
#[task]
fn total(parts: Vec<Rows>) -> u64 {
    parts.iter().map(|rows| rows.count).sum()
}

/// Reads all partitions at the same time, and counts their rows.
#[flow(name = "etl-tasks")]
fn etl_tasks(#[default = 20] partitions: u32) -> Result<u64> {
    let parts = extract::map(0..partitions);
    info!("Reading {partitions} partitions");

    // Starts when all parts are there, and gets their values.
    let rows = total(parts)?;
    info!("Read {rows} rows");
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guest_sdk::testing::Harness;

    #[test]
    fn the_rows_of_all_partitions_are_counted() {
        let test = Harness::new();
        test.task("extract", |_| {
            Ok(Rows {
                partition: 0,
                count: 5,
            })
        });
        assert_eq!(test.run(|| etl_tasks::call(3)).unwrap(), 15);
        assert_eq!(test.task_runs()[2].name, "extract-2");
    }
}

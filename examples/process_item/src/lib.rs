//! A task with retries, and the flow that calls it.

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Item {
    item: u32,
    status: String,
}

/// Actual work as a task.
#[task(retries = 3, retry_delay = "2s", timeout = "1m")]
fn heavy_task(item_id: u32) -> Result<Item> {
    std::thread::sleep(Duration::from_secs(10));
    Ok(Item {
        item: item_id,
        status: "done".into(),
    })
}

/// Subflow that processes one item.
#[flow(name = "process-item")]
fn process_item(item_id: u32) -> Result<Item> {
    info!("Processing item {item_id}");
    let result = heavy_task(item_id)?; // direct call: a task run, waited for
    info!("Item {item_id} complete");
    Ok(result)
}

use guest_sdk::prelude::*;

#[task]
fn sum(a: u32, #[default = 1] b: u32) -> Result<u32> {
    Ok(a + b)
}

#[task(task_run_name = "sum-{c}")]
fn difference(a: u32, b: u32) -> Result<u32> {
    Ok(a - b)
}

fn main() {}

use guest_sdk::prelude::*;

#[task(retires = 3)]
fn work() -> Result<u32> {
    Ok(1)
}

#[flow(retry_if = never)]
fn flow() -> Result<u32> {
    Ok(1)
}

fn main() {}

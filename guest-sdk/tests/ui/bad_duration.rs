use guest_sdk::prelude::*;

#[task(retry_delay = "2 parsecs")]
fn work() -> Result<u32> {
    Ok(1)
}

#[task(timeout = 60)]
fn more_work() -> Result<u32> {
    Ok(1)
}

#[task(timeout = "0s")]
fn no_time() -> Result<u32> {
    Ok(1)
}

#[task(retry_delay = exponential("1s"))]
fn how_often() -> Result<u32> {
    Ok(1)
}

fn main() {}

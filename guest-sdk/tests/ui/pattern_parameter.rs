use guest_sdk::prelude::*;

#[task]
fn sum((a, b): (u32, u32)) -> Result<u32> {
    Ok(a + b)
}

fn main() {}

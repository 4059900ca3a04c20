use guest_sdk::prelude::*;

#[task]
fn sum(a: u32, b: u32) -> Result<u32> {
    Ok(a + b)
}

#[flow]
fn adds() -> Result<u32> {
    sum(1, "two")
}

fn main() {}

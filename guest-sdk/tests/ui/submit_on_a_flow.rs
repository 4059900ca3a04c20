use guest_sdk::prelude::*;

#[flow]
fn child(n: u32, text: String) -> Result<u32> {
    Ok(n + text.len() as u32)
}

#[flow]
fn childless() -> Result<u32> {
    Ok(1)
}

#[flow]
fn parent() -> Result<()> {
    child::submit(1, "one");
    childless::submit();
    child::map(0..3, "one");
    Ok(())
}

fn main() {}

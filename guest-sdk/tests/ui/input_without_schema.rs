use guest_sdk::prelude::*;

#[derive(Deserialize)]
struct Approval {
    approved: bool,
}

#[flow]
fn release() -> Result<bool> {
    let approval = suspend_for_input::<Approval>("approval").wait()?;
    Ok(approval.approved)
}

fn main() {}

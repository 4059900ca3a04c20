use guest_sdk::prelude::*;

struct Report {
    rows: u32,
}

#[task]
fn report() -> Result<Report> {
    Ok(Report { rows: 1 })
}

fn main() {}

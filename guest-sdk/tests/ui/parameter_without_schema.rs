use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize)]
struct Query {
    rows: u32,
}

#[flow]
fn ask(query: Query) -> Result<u32> {
    Ok(query.rows)
}

fn main() {}

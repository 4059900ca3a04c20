//! Fetches all pages of a shop's orders with a token that nobody is shown, keeps each page as it
//! came, and shows the orders as a table.
//!
//! `examples/fetch_pages/try.sh` starts a shop on this machine and runs it.

use guest_sdk::prelude::*;

/// A page of orders as the shop tells it.
#[derive(Deserialize)]
struct Page {
    pages: u32,
    orders: Vec<Order>,
}

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    customer: String,
    total: f64,
}

/// A page that was fetched.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Fetched {
    pages: u32,
    /// The page as it came: too large to stand in a journal.
    body: Blob,
}

/// Fetches one page. A shop that does not answer, or not well, is asked again.
#[task(retries = 3, retry_delay = "500ms", task_run_name = "page-{page}")]
fn fetch(shop: String, page: u32) -> Result<Fetched> {
    let token = secret("shop-token")?;
    let body = http::get(format!("{shop}/orders"))
        .query("page", page)
        .bearer_auth(&token)
        .timeout(Duration::from_secs(10))
        .send()?
        .error_for_status()?
        .bytes()?;
    let told: Page = serde_json::from_slice(&body)?;
    info!(
        "Page {page} of {} has {} orders",
        told.pages,
        told.orders.len()
    );
    Ok(Fetched {
        pages: told.pages,
        body: blob::write(&body)?,
    })
}

/// Shows the orders of all pages, and adds them up.
#[task]
fn report(pages: Vec<Fetched>) -> Result<f64> {
    let mut orders = Vec::new();
    for page in &pages {
        let told: Page = serde_json::from_slice(&page.body.read()?)?;
        orders.extend(told.orders);
    }
    let total = orders.iter().map(|order| order.total).sum();
    let (count, pages) = (orders.len(), pages.len());
    artifact::with_description(format!("Of {pages} pages")).table("orders", &orders)?;
    artifact::markdown(
        "report",
        format!("# Orders\n\n{count} orders, **{total:.2}** in all"),
    )?;
    Ok(total)
}

/// What the run returns.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Summary {
    total: f64,
    /// `orch-host blob get` gets each.
    pages: Vec<Blob>,
}

/// Fetches the first page, which tells how many there are, then the others at the same time.
#[flow]
fn fetch_pages(shop: String) -> Result<Summary> {
    let first = fetch(shop.clone(), 1)?;
    let others: Vec<_> = (2..=first.pages)
        .map(|page| fetch::submit(shop.clone(), page))
        .collect();
    let mut pages = vec![first];
    for page in others {
        pages.push(page.result()?);
    }
    let bodies = pages.iter().map(|page| page.body.clone()).collect();
    Ok(Summary {
        total: report(pages)?,
        pages: bodies,
    })
}

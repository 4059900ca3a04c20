//! Parameters and results of every shape.

use std::collections::BTreeMap;

use guest_sdk::prelude::*;

use crate::expect;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Address {
    street: String,
    number: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Size {
    Small,
    Large,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    to: Address,
    bill: Option<Address>,
    size: Size,
    lines: BTreeMap<String, f64>,
}

#[task]
fn pass(order: Order, size: Option<Size>) -> Order {
    Order {
        size: size.unwrap_or(order.size),
        ..order
    }
}

/// Passes structs, enums, maps and options through a task.
#[flow]
fn shapes() -> Result<Order> {
    let order = Order {
        to: Address {
            street: "Main".into(),
            number: None,
        },
        bill: None,
        size: Size::Small,
        lines: [("screw".to_owned(), 0.5)].into(),
    };
    expect!(pass(&order, None)?, order);
    expect!(
        pass(pass::submit(&order, None), Some(Size::Large))?.size,
        Size::Large
    );
    pass(order, Some(Size::Large))
}

/// Has parameters of all kinds, some of which may be left out.
#[flow]
fn parameters(
    order: Order,
    count: u64,
    comment: Option<String>,
    #[default = 3] tries: u8,
    #[default = "none"] label: String,
    #[default = Size::Small] size: Size,
) -> Result<String> {
    let comment = comment.unwrap_or_default();
    let street = order.to.street;
    Ok(format!(
        "{street} {count} {comment} {tries} {label} {size:?}"
    ))
}

#[task]
fn extremes(big: u64, small: i64, text: String) -> (u64, i64, String) {
    (big, small, text)
}

/// Keeps large numbers and odd texts as they are.
#[flow]
fn exact_values() -> Result<()> {
    let text = "\"quotes\" \\ \u{0} \u{1F980} \n";
    let (big, small, back) = extremes(u64::MAX, i64::MIN, text)?;
    expect!((big, small, back.as_str()), (u64::MAX, i64::MIN, text));
    Ok(())
}

#[task]
fn takes_a_float(x: f64) -> f64 {
    x
}

/// A map whose keys are no texts cannot be an argument, and not a number cannot either.
#[flow]
fn unwritable() -> Result<String> {
    let keys: BTreeMap<(u8, u8), u8> = [((1, 2), 3)].into();
    let run = run_deployment("echo/echo-deployment").parameter("value", keys);
    let error = run
        .wait()
        .err()
        .context("a map with odd keys was accepted")?;
    expect!(error.kind(), ErrorKind::Invalid);
    if takes_a_float(f64::NAN).is_ok() {
        bail!("not a number came through JSON");
    }
    Ok(error.to_string())
}

//! Values that people keep for all runs.

use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Result, host::host};

/// The variable of this name, as it is now. A flow that is replayed is told what it was told
/// before.
///
/// Errs with `NotFound` if there is none, and with `Invalid` if it is of another shape.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[flow]
/// fn convert(eur: f64) -> Result<f64> {
///     let rate: f64 = variable("rate")?;
///     Ok(eur * rate)
/// }
/// ```
pub fn variable<T: DeserializeOwned>(name: impl AsRef<str>) -> Result<T> {
    let name = name.as_ref();
    match find(name)? {
        Some(value) => Ok(value),
        None => Err(Error::of_this_run(
            ErrorKind::NotFound,
            format!(
                "there is no variable `{name}`; `orch-host variable set {name} VALUE` makes it"
            ),
        )),
    }
}

/// The same, or this value if there is none.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[task]
/// fn page() -> Result<u32> {
///     variable_or("page-size", 100)
/// }
/// ```
pub fn variable_or<T: DeserializeOwned>(name: impl AsRef<str>, default: T) -> Result<T> {
    Ok(find(name.as_ref())?.unwrap_or(default))
}

fn find<T: DeserializeOwned>(name: &str) -> Result<Option<T>> {
    let found = host().variable(name).map_err(|it| Error::from_host(&it))?;
    let Some(json) = found else {
        return Ok(None);
    };
    serde_json::from_str(&json).map(Some).map_err(|err| {
        let message = format!("variable `{name}` is of another shape: {err}");
        Error::of_this_run(ErrorKind::Invalid, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn a_variable_has_a_shape() {
        let fake = Fake::install();
        fake.set_variable("rate", "1.5");
        assert_eq!(variable::<f64>("rate").unwrap(), 1.5);
        assert_eq!(variable_or("missing", 7).unwrap(), 7);
        let missing = variable::<f64>("missing").unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let unfit = variable::<Vec<u32>>("rate").unwrap_err();
        assert_eq!(unfit.kind(), ErrorKind::Invalid);
        let message = unfit.to_string();
        assert!(
            message.starts_with("variable `rate` is of another shape: invalid type"),
            "{message}"
        );
    }
}

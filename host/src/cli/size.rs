//! Sizes as people type them.

use std::str::FromStr;

use bytesize::ByteSize;
use wasm::PAYLOAD_MOST;

/// A number of bytes as typed: `512MiB`, `2G`, `1500000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeArg(pub usize);

/// With less, not even one instance of a small component fits.
const LEAST: u64 = 4 << 20;

/// A limit on one JSON text, typed in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimitArg(pub usize);

/// With less, not even what a small flow is given and returns fits.
const JSON_LEAST: u64 = 1 << 10;

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = bytes(text)?;
        if size < LEAST {
            return Err("it must be at least `4MiB`".to_owned());
        }
        usize::try_from(size)
            .map(Self)
            .map_err(|_| "it is more than this machine can address".to_owned())
    }
}

impl FromStr for JsonLimitArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = bytes(text)?;
        if size < JSON_LEAST {
            return Err("it must be at least `1KiB`".to_owned());
        }
        match usize::try_from(size) {
            Ok(size) if size <= PAYLOAD_MOST => Ok(Self(size)),
            _ => Err(
                "it must be at most `256MiB`: larger values are no JSON texts, but files"
                    .to_owned(),
            ),
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "a size is a number and a unit, such as `512MiB` or `2GiB`".to_owned())?;
    Ok(size.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_or_counts_bytes() {
        #[track_caller]
        fn check(text: &str, expect: Result<usize, &str>) {
            let size = text.parse::<SizeArg>().map(|SizeArg(bytes)| bytes);
            assert_eq!(size, expect.map_err(str::to_owned));
        }
        check("512MiB", Ok(512 << 20));
        check("2 GiB", Ok(2 << 30));
        check("5000000", Ok(5_000_000));
        check("1k", Err("it must be at least `4MiB`"));
        let form = "a size is a number and a unit, such as `512MiB` or `2GiB`";
        check("much", Err(form));
        check("-1GiB", Err(form));
    }

    #[test]
    fn a_limit_on_a_json_text_has_bounds() {
        #[track_caller]
        fn check(text: &str, expect: Result<usize, &str>) {
            let size = text.parse::<JsonLimitArg>();
            let said = size.map(|JsonLimitArg(bytes)| bytes);
            match (said, expect) {
                (Err(said), Err(expect)) => assert!(said.starts_with(expect), "{said}"),
                (said, expect) => assert_eq!(said, expect.map_err(str::to_owned)),
            }
        }
        check("64KiB", Ok(64 << 10));
        check("256MiB", Ok(PAYLOAD_MOST));
        check("256.1MiB", Err("it must be at most `256MiB`"));
        check("1GiB", Err("it must be at most `256MiB`"));
        check("99999999TiB", Err("it must be at most `256MiB`"));
        check("0", Err("it must be at least `1KiB`"));
        check("large", Err("a size is a number and a unit"));
    }
}

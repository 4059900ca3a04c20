//! Sizes as people type them.

use std::str::FromStr;

use bytesize::ByteSize;

/// A number of bytes as typed: `512MiB`, `2G`, `1500000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeArg(pub usize);

/// With less, not even one instance of a small component fits.
const LEAST: u64 = 4 << 20;

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: ByteSize = text
            .parse()
            .map_err(|_| "a size is a number and a unit, such as `512MiB` or `2GiB`".to_owned())?;
        if size.as_u64() < LEAST {
            return Err("it must be at least `4MiB`".to_owned());
        }
        usize::try_from(size.as_u64())
            .map(Self)
            .map_err(|_| "it is more than this machine can address".to_owned())
    }
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
}

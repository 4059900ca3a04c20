//! Sizes, as people read them.

/// Bytes: `512 B`, `32 KiB`, `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let tenths = (amount * 10.0).round() / 10.0;
    if amount >= 100.0 || tenths.fract() == 0.0 {
        format!("{amount:.0} {}", UNITS[unit])
    } else {
        format!("{tenths:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_has_few_digits() {
        #[track_caller]
        fn check(bytes: u64, expect: &str) {
            assert_eq!(size(bytes), expect);
        }
        check(0, "0 B");
        check(1023, "1023 B");
        check(32 << 10, "32 KiB");
        check(1_288_490_189, "1.2 GiB");
        check((16 << 30) + 1, "16 GiB");
        check(700 << 20, "700 MiB");
        check(u64::MAX, "16777216 TiB");
    }
}

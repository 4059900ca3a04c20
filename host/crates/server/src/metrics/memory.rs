//! The memory of this process, as the kernel tells it.

/// Bytes that are in memory now. None where the kernel does not tell.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kilobytes(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_kilobytes() {
        let status = "Name:\torch-host\nVmRSS:\t   12345 kB\nThreads:\t7\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(12_345));
        assert_eq!(kilobytes(status, "VmHWM:"), None);
    }
}

//! What this machine has for guests.

use std::fs;
use std::path::{Path, PathBuf};

/// The part of the memory that guests may have, unless somebody says otherwise: 70 %. The rest
/// is for the host itself, the database and the system.
const GUESTS: (usize, usize) = (7, 10);

/// The memory for guests, in bytes: a part of what this process may have.
pub fn guest_memory() -> usize {
    let (part, of) = GUESTS;
    process_memory() / of * part
}

/// The memory that this process may have, in bytes: that of the machine, or of the smallest
/// control group around it.
pub fn process_memory() -> usize {
    let info = rustix::system::sysinfo();
    let unit = u64::from(info.mem_unit.max(1));
    #[allow(
        clippy::useless_conversion,
        reason = "the type differs between machines"
    )]
    let machine = u64::from(info.totalram).saturating_mul(unit);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = group_limit(Path::new("/sys/fs/cgroup"), &groups);
    let least = limit.map_or(machine, |limit| limit.min(machine));
    usize::try_from(least).unwrap_or(usize::MAX)
}

/// The smallest limit of the control groups that a process is in, as `/proc/self/cgroup` names
/// them, of both versions.
fn group_limit(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or(""), parts.next().unwrap_or("/"));
        let (base, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            "memory" => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return Vec::new(),
        };
        limits_up(&base, path, file)
    });
    limits.min()
}

/// The limits from a group up to the root.
fn limits_up(base: &Path, path: &str, file: &str) -> Vec<u64> {
    let path = path.trim_start_matches('/');
    let groups = Path::new(path).ancestors().map(|group| base.join(group));
    let limit = |group: PathBuf| {
        fs::read_to_string(group.join(file))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    groups.filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], groups: &str, expect: Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(group_limit(root.path(), groups), expect);
    }

    #[test]
    fn the_smallest_group_around_counts() {
        let own = ("a/b/memory.max", "3000\n");
        check(&[own, ("a/memory.max", "2000\n")], "0::/a/b\n", Some(2000));
        check(&[own, ("a/memory.max", "max\n")], "0::/a/b\n", Some(3000));
        check(&[("memory.max", "max\n")], "0::/\n", None);
        check(&[], "0::/gone\n", None);
        let old = [("memory/d/memory.limit_in_bytes", "4000\n")];
        check(&old, "7:cpu:/d\n5:memory:/d\n", Some(4000));
    }

    #[test]
    fn guests_have_a_part_of_what_is_there() {
        let (all, guests) = (process_memory(), guest_memory());
        assert!(guests > all / 2 && guests < all, "{guests} of {all}");
    }
}

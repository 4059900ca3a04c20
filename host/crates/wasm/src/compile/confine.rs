//! What a process that compiles gives up before it reads a stranger's bytes.
//!
//! Limits of the kernel bound its time, its memory and its descriptors. A filter of system
//! calls leaves it memory, threads, clocks and the descriptors it has: it opens no file and no
//! socket, and starts no process. The filter is missing where the kernel has none; the limits
//! hold everywhere.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{
    Resource, Rlimit, Signal, getppid, nice, set_parent_process_death_signal, setrlimit,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::wire::Settings;

/// Descriptors: the three of every process, and one for each memory's first content.
const DESCRIPTORS_MAX: u64 = 64;
/// Priority is lowered by so much: guests that run on this machine go first.
const NICE: i32 = 5;
/// Processor time that a process takes to start and to load code, beside what it is for.
const STARTING: Duration = Duration::from_secs(10);

/// What a process may use.
pub(super) struct Bounds {
    /// Processor time.
    compute_max: Duration,
    /// Memory that it can write to, in bytes.
    memory_max: usize,
}

impl Bounds {
    pub fn for_compiling(settings: &Settings) -> Self {
        let limits = &settings.compile_limits;
        Self {
            compute_max: limits.compute_max,
            memory_max: limits.memory_max,
        }
    }

    /// The description itself has limits within the engine. These hold for the engine, too,
    /// which has the code twice while it loads it.
    pub fn for_describing(settings: &Settings) -> Self {
        let limits = &settings.describe_limits;
        Self {
            compute_max: limits.compute_max + STARTING,
            memory_max: limits.memory_max + settings.compile_limits.memory_max,
        }
    }
}

/// What needs no order: no core dumps, no descriptors but the first three, an end with the
/// parent's.
pub(super) fn from_the_start() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, DESCRIPTORS_MAX)?;
    // SAFETY: nothing in this process owns a descriptor yet, except the first three.
    let closed = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if closed != 0 {
        let err = io::Error::last_os_error();
        // Older kernels and some sandboxes do not know it. The program opens all of its
        // descriptors so that they are closed here anyway.
        if err.raw_os_error() != Some(libc::ENOSYS) {
            return Err(err);
        }
    }
    let _ = nice(NICE);
    // Where the machine runs out of memory, this process is the one to end.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Errs if the parent ended before [`from_the_start`] could ask for its own end.
pub(super) fn die_with(parent: u32) -> io::Result<()> {
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now == Some(parent) {
        return Ok(());
    }
    Err(io::Error::other("the process that gave the order is gone"))
}

/// Takes the rest, for good.
pub(super) fn to(bounds: &Bounds) -> io::Result<()> {
    let seconds = bounds.compute_max.as_secs_f64().ceil().max(1.0) as u64;
    // The first of the two ends it with a signal that tells why, the second one in any case.
    let compute = Rlimit {
        current: Some(seconds),
        maximum: Some(seconds.saturating_add(1)),
    };
    setrlimit(Resource::Cpu, compute)?;
    // Not the address space: the engine reserves much more of it than it uses.
    limit(Resource::Data, bounds.memory_max as u64)?;
    // Of files without a name, which hold the first content of memories.
    limit(Resource::Fsize, bounds.memory_max as u64)?;
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(());
    };
    let filter = filter(architecture).map_err(io::Error::other)?;
    match seccompiler::apply_filter_all_threads(&filter) {
        // The kernel has no filters.
        Err(seccompiler::Error::Prctl(_) | seccompiler::Error::Seccomp(_)) => Ok(()),
        applied => applied.map_err(io::Error::other),
    }
}

fn limit(resource: Resource, max: u64) -> io::Result<()> {
    let max = Some(max);
    let limit = Rlimit {
        current: max,
        maximum: max,
    };
    Ok(setrlimit(resource, limit)?)
}

/// Refuses every system call that is not for memory, threads, clocks or open descriptors.
fn filter(architecture: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    const ALLOWED: &[libc::c_long] = &[
        // The descriptors that are open.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fcntl,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_ppoll,
        // Memory. Files without a name hold the first content of a guest's memories, and the
        // engine asks the kernel which pages a guest has touched.
        libc::SYS_brk,
        libc::SYS_ioctl,
        libc::SYS_madvise,
        libc::SYS_membarrier,
        libc::SYS_memfd_create,
        libc::SYS_ftruncate,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        // Threads and signals of this process.
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrlimit,
        libc::SYS_gettid,
        libc::SYS_prctl,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        libc::SYS_tgkill,
        // Clocks and chance.
        libc::SYS_clock_getres,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_gettimeofday,
        libc::SYS_nanosleep,
    ];
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_poll, Vec::new());
    // A thread, not a process. What `clone3` does cannot be seen, so it is not there, and the C
    // library takes `clone`.
    let thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64),
        libc::CLONE_THREAD as u64,
    )?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)?.try_into()
}

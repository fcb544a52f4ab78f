//! A child ends with its supervisor, whatever happens to either.
//!
//! On Linux the kernel does it: the child asks for SIGKILL when the thread that made it ends (so all children are made
//! by one thread that never does), which works for a frozen child too. Elsewhere the child watches its standard input,
//! a pipe whose other end only the supervisor has; that misses a child that is frozen when the supervisor dies: it ends
//! when somebody thaws it.

/// Starts the argument that carries the supervisor's process id to its children.
pub const ARGUMENT: &str = "--supervisor=";

/// Exit code of a child whose supervisor is gone.
const ORPHANED: i32 = 75;

/// If this process was made by a supervisor: makes sure that it does not outlive it.
///
/// Call it first in `main`, before any thread is made. Without the argument it does nothing.
pub fn arm() {
    // Other arguments may be paths that are no UTF-8.
    let given = std::env::args_os().find_map(|a| a.to_str()?.strip_prefix(ARGUMENT)?.parse().ok());
    if let Some(supervisor) = given {
        arm_against(supervisor);
    }
}

#[cfg(target_os = "linux")]
fn arm_against(supervisor: i32) {
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::Signal;

    let set = set_pdeathsig(Signal::SIGKILL);
    // The supervisor may have died before the call above: then we have another parent already.
    if set.is_err() || nix::unistd::getppid().as_raw() != supervisor {
        std::process::exit(ORPHANED);
    }
}

#[cfg(not(target_os = "linux"))]
fn arm_against(_supervisor: i32) {
    use std::io::Read;

    std::thread::spawn(|| {
        let mut ignored = [0; 64];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut ignored), Ok(n) if n > 0) {}
        std::process::exit(ORPHANED);
    });
}

/// Processes that run now and were made by this one, by asking the system: empty where there is no /proc.
pub fn children() -> Vec<u32> {
    let argument = format!("{ARGUMENT}{}", std::process::id());
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        // A process that has ended and was not reaped yet has no command line.
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|a| a == argument.as_bytes()))
    })
    .collect()
}

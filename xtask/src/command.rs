//! Running other programs: shown before they start, their exit turned into one sentence.

// A command line tool without a runtime: there is no virtual clock here that a real one could escape.
#![allow(clippy::disallowed_methods, reason = "waits for processes, with no runtime to block")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace::{Workspace, cargo_binary};

/// A program about to run, printed as it would be typed.
#[derive(Debug)]
pub(crate) struct Cmd {
    command: Command,
    shown: String,
}

impl Cmd {
    /// `program` with the workspace's root as working directory.
    pub(crate) fn new(workspace: &Workspace, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(&program);
        command.current_dir(&workspace.root);
        // cargo describes our own package to us. Build scripts that watch those variables (ring's does) would run again
        // each time a command alternates between `cargo test` and `cargo xtask test`.
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(describes_a_package) {
                command.env_remove(key);
            }
        }
        let shown = Path::new(&program)
            .file_name()
            .unwrap_or(program.as_ref())
            .to_string_lossy()
            .into_owned();
        Self { command, shown }
    }

    /// The cargo that runs us.
    pub(crate) fn cargo(workspace: &Workspace) -> Self {
        Self::new(workspace, cargo_binary())
    }

    /// Adds arguments separated by blanks.
    pub(crate) fn words(self, words: &str) -> Self {
        words.split_whitespace().fold(self, Self::arg)
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.shown = format!("{key}=\"{value}\" {}", self.shown);
        self.command.env(key, value);
        self
    }

    /// Runs it, output straight to ours. The error says how it ended.
    pub(crate) fn run(self) -> Result<(), String> {
        let status = self.status()?;
        ended(status)
    }

    /// Runs it and hands back how it ended, for programs whose exit codes have meanings.
    pub(crate) fn status(mut self) -> Result<ExitStatus, String> {
        self.show();
        let status = self.command.status();
        status.map_err(|e| format!("did not start: {e}"))
    }

    /// Runs it, and kills it if it has not ended by itself after `limit`.
    pub(crate) fn status_within(mut self, limit: Duration) -> Result<ExitStatus, String> {
        self.show();
        let start = Instant::now();
        let child = self.command.spawn();
        let mut child = Reaped(child.map_err(|e| format!("did not start: {e}"))?);
        loop {
            if let Some(status) = child.0.try_wait().map_err(|e| e.to_string())? {
                return Ok(status);
            }
            if start.elapsed() >= limit {
                return Err(format!("had not ended after {limit:?}, killed"));
            }
            // 20 ms: short beside what runs here, and cheap.
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs it, its output both shown and returned.
    pub(crate) fn tee(mut self) -> Result<String, String> {
        self.show();
        let child = self.command.stdout(Stdio::piped()).spawn();
        let mut child = Reaped(child.map_err(|e| format!("did not start: {e}"))?);
        let mut seen = String::new();
        if let Some(out) = child.0.stdout.take() {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                println!("{line}");
                seen.push_str(&line);
                seen.push('\n');
            }
        }
        let status = child.0.wait().map_err(|e| e.to_string())?;
        ended(status).map(|()| seen)
    }

    /// Runs it without a sound and returns its output; `None` if it cannot start or fails.
    pub(crate) fn quiet(mut self) -> Option<Vec<u8>> {
        let output = self.command.stdin(Stdio::null()).output().ok()?;
        output.status.success().then_some(output.stdout)
    }

    fn show(&self) {
        println!("$ {}", self.shown);
    }
}

/// Nothing that was started stays behind, whichever way out is taken.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // Both fail only if it has already ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Turns an exit into a result: success, or how it ended.
pub(crate) fn ended(status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("ended with {status}")) }
}

fn describes_a_package(key: &str) -> bool {
    key.starts_with("CARGO_PKG_")
        || key.starts_with("CARGO_BIN_")
        || key.starts_with("CARGO_MANIFEST_")
        || key == "CARGO_CRATE_NAME"
        || key == "CARGO_PRIMARY_PACKAGE"
}

/// A clock for telling how long something took.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Cmd {
        let workspace = Workspace::load().expect("we run inside it");
        Cmd::new(&workspace, "sh").arg("-c").arg(script)
    }

    #[test]
    fn a_failing_program_is_an_error_that_names_its_code() {
        let error = shell("exit 7").run().expect_err("it failed");
        assert!(error.contains('7'), "{error}");
    }

    #[test]
    fn a_program_over_its_limit_is_killed() {
        let forever = shell("while :; do read line || :; done");
        let error = forever.status_within(Duration::from_millis(50)).expect_err("it never ends");
        assert!(error.contains("killed"), "{error}");
    }

    #[test]
    fn tee_returns_what_was_printed() {
        let seen = shell("echo one; echo two").tee().expect("it succeeds");
        assert_eq!(seen, "one\ntwo\n");
    }

    #[test]
    fn variables_that_describe_our_package_are_not_handed_on() {
        assert!(describes_a_package("CARGO_PKG_NAME"));
        assert!(describes_a_package("CARGO_MANIFEST_DIR"));
        assert!(!describes_a_package("CARGO_TARGET_DIR"));
        assert!(!describes_a_package("CARGO_INCREMENTAL"));
    }
}

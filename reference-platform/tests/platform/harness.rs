//! A platform in a directory of its own, and what the system says about it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Far more than anything here takes on a loaded machine; reaching it is a failure, not a measurement.
const LIMIT: Duration = Duration::from_secs(90);

/// `platform up` as a child of the test.
pub(crate) struct Platform {
    pub(crate) dir: TempDir,
    pub(crate) supervisor: Child,
    pub(crate) port_base: u16,
}

/// The `platform` command with these arguments, not started yet.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_platform"));
    command.args(arguments);
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary was built")
}

/// What a refused command printed: one line on standard error and nothing else.
pub(crate) fn one_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    text
}

/// Asks again and again until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not after {LIMIT:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Live processes that a supervisor made. One that has ended and waits to be reaped has no command line.
pub(crate) fn children_of(supervisor: u32) -> Vec<u32> {
    let argument = format!("--supervisor={supervisor}");
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split('\0').any(|a| a == argument))
    })
    .collect()
}

/// `R`, `S`, `T`: what the kernel says a process is doing.
pub(crate) fn kernel_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

/// What `/who` says, `None` when it is refused or silent.
pub(crate) fn who(addr: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let request = "GET /who HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.rsplit_once("\r\n\r\n")?.1.to_owned())
}

impl Platform {
    /// Starts one and waits until it says that it is up.
    pub(crate) fn up(port_base: u16, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (path, base) = (dir.path().to_str().unwrap().to_owned(), port_base.to_string());
        let mut supervisor = command(&["up", "--dir", &path, "--port-base", &base])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(File::create(dir.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let lines = lines(supervisor.stdout.take().unwrap());
        let platform = Self { dir, supervisor, port_base };
        loop {
            let line = lines.recv_timeout(LIMIT).unwrap_or_else(|e| {
                let said = std::fs::read_to_string(platform.path().join("stderr"));
                panic!("{e}, not up: {said:?}")
            });
            if line.contains("instances are up") {
                return platform;
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `platform <arguments> --dir <this one's>`.
    pub(crate) fn tell(&self, arguments: &[&str]) -> Output {
        let dir = self.path().to_str().unwrap();
        command(arguments).args(["--dir", dir]).output().unwrap()
    }

    /// Runs a command that must succeed; what it printed.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        let output = self.tell(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The words of an instance's line in `platform status`: name, state, pid, address, starts, last exit.
    pub(crate) fn status(&self, name: &str) -> Vec<String> {
        let table = self.told(&["status"]);
        let line = table.lines().find(|l| l.split_whitespace().next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{table}"));
        line.split_whitespace().map(str::to_owned).collect()
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.status(name)[2].parse().unwrap()
    }

    pub(crate) fn addr(&self, name: &str) -> SocketAddr {
        self.status(name)[3].parse().unwrap()
    }

    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.supervisor.id())
    }

    /// Waits until the supervisor has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the supervisor ends", || {
            ended = self.supervisor.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // Its children go with it: that is what these tests are about.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

fn lines(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                // Read on: the platform must not be ended by a closed pipe.
                continue;
            }
        }
    });
    receiver
}

//! Commands that ask the supervisor of a running platform to do something.

use std::path::PathBuf;
use std::time::Duration;

use super::say;
use crate::failure::Failure;
use crate::supervisor::control::{Answer, ask};
use crate::supervisor::place::Place;

/// Which platform.
#[derive(Debug, Clone, clap::Args)]
pub struct At {
    /// The directory the platform was started in
    #[arg(long, value_name = "DIR", default_value = ".platform")]
    dir: PathBuf,
}

/// Which instance of which platform.
#[derive(Debug, Clone, clap::Args)]
pub struct One {
    /// Its name, as `platform status` prints it: playback-a
    instance: String,
    #[command(flatten)]
    at: At,
}

/// Prints every instance.
pub(super) fn status(at: &At) -> Result<(), Failure> {
    let answer = request(at, "status", None)?;
    say(format_args!(
        "{:<18} {:<8} {:>8} {:<16} {:>6}  last exit",
        "instance", "state", "pid", "address", "starts"
    ));
    for one in answer.instances {
        let pid = one.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let exit = one.last_exit.unwrap_or_default();
        let (name, state, addr, starts) = (one.name, one.state, one.addr, one.starts);
        let line = format!("{name:<18} {state:<8} {pid:>8} {addr:<16} {starts:>6}  {exit}");
        say(line.trim_end());
    }
    Ok(())
}

/// Does one thing to one instance.
pub(super) fn act(command: &str, one: &One) -> Result<(), Failure> {
    let answer = request(&one.at, command, Some(&one.instance))?;
    say(answer.text);
    Ok(())
}

/// Ends the platform and waits until its supervisor has gone too.
pub(super) fn down(at: &At) -> Result<(), Failure> {
    let answer = request(at, "down", None)?;
    super::runtime(0)?.block_on(async {
        let gone = async {
            while Place::is_claimed(&at.dir) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), gone).await;
        waited.map_err(|_| Failure::failed("every instance has ended, but the supervisor has not"))
    })?;
    say(answer.text);
    Ok(())
}

fn request(at: &At, command: &str, instance: Option<&str>) -> Result<Answer, Failure> {
    super::runtime(0)?.block_on(ask(&at.dir, command, instance))
}

//! Are all addresses free? Asked before anything is started, so that the answer is one line.

use std::io;

use crate::ctx::World;
use crate::failure::Failure;

/// Listens on every address of the topology for a moment.
///
/// # Errors
///
/// Names the first address that cannot be used, how many there are, and what to do: exit code 2.
pub async fn check(world: &World) -> Result<(), Failure> {
    let mut refused = Vec::new();
    for instance in world.topology().instances() {
        if let Err(error) = world.net().listen(instance.addr).await {
            refused.push((instance, error));
        }
    }
    let Some((instance, error)) = refused.first() else {
        return Ok(());
    };
    let (addr, name) = (instance.addr, &instance.name);
    let more = match refused.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {addr} for {name} is taken{more}: end the program that has it, or choose others with --port-base"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine has no address {}{more}: use --flat", addr.ip())
        }
        _ => format!("cannot listen on {addr} for {name}{more}: {error}; try another --port-base"),
    };
    Err(Failure::usage(text))
}

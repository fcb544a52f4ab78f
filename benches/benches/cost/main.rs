//! What a call costs on each healthy path, and on the paths of an outage, beside the peers.

mod balance;
mod client;
mod drive;
mod gates;
mod guards;
mod http;
mod peers;
mod retry;

use std::process::ExitCode;

fn main() -> ExitCode {
    let rows = [
        guards::rows(),
        guards::refusals(),
        peers::gates(),
        peers::refusals(),
        http::rows(),
        balance::rows(),
        peers::balance(),
        retry::rows(),
        peers::retry(),
        client::rows(),
    ];
    orlop_benches::main(&rows.into_iter().flatten().collect::<Vec<_>>())
}

//! What a call costs on each healthy path, and on the paths of an outage, beside the peers.

mod balance;
mod client;
mod drive;
mod functions;
mod gates;
mod guards;
mod http;
mod peers;
mod refusals;
mod retry;
mod router;

use orlop_benches::Part;
use std::process::ExitCode;

fn main() -> ExitCode {
    let breaker = [
        guards::rows(),
        peers::services(),
        functions::rows(),
        peers::functions(),
        refusals::rows(),
        peers::refusals(),
        http::rows(),
        router::rows(),
    ];
    orlop_benches::main(&[
        Part::new("breaker", breaker),
        Part::new("lb", [balance::rows(), peers::balance()]),
        Part::new("retry", [retry::rows(), peers::retry()]),
        Part::new("orlop", [client::rows()]),
    ])
}

//! rx2: recloser's ring.

use crate::{
    MENDED,
    call::Breaker,
    subject::{Ours, Recloser, last, n, plain},
};
use orlop_breaker::Trip;
use orlop_core::Ratio;

fn ring() -> Recloser {
    Recloser::new(recloser::Recloser::custom().error_rate(0.5).closed_len(100))
}

fn window() -> Ours {
    Ours::new(plain([Trip::failure_rate(Ratio::HALF, n(100), last(100))]))
}

/// The peer looks at its ring only when a call pushes another one out.
#[test]
fn a_full_window_is_enough() {
    let (peer, ours) = (ring().failures_to_open(1_000), window().failures_to_open(1_000));
    println!("opens with {peer} failures, ours with {ours}");
    assert_eq!(peer, 101, "{MENDED}");
    assert_eq!(ours, 100);
}

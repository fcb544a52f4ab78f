//! Circuits that read a coarse clock.

use crate::support::{calls, consecutive, ms, n, pass, plain, rate, secs, within};
use orlop_breaker::{
    Circuit, State, Trip,
    core::{CoarseClock, Ratio},
};

async fn running() -> (CoarseClock, tokio::task::JoinHandle<()>) {
    let (clock, ticker) = CoarseClock::pair(ms(10));
    let ticker = tokio::spawn(ticker);
    tokio::task::yield_now().await;
    (clock, ticker)
}

async fn later(time: std::time::Duration) {
    pass(time).await;
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn an_open_time_ends_as_soon_as_the_coarse_clock_shows_it() {
    let (clock, _ticker) = running().await;
    // Made when the clock has been running: the circuit's time begins with the circuit.
    later(secs(100)).await;
    let circuit = Circuit::new(consecutive(1)).coarse(&clock);
    assert_eq!(calls(&circuit, "FS"), "Fx");
    let wait = circuit.try_enter().unwrap_err().retry_after().unwrap();
    assert!(wait <= secs(5) && wait > secs(5) - ms(10), "{wait:?}");
    later(secs(5) - ms(10)).await;
    assert_eq!(calls(&circuit, "S"), "x");
    later(ms(20)).await;
    assert_eq!(calls(&circuit, "S"), "S");
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_window_slides_by_the_coarse_clock() {
    let (clock, _ticker) = running().await;
    let circuit = Circuit::new(rate(50, 4, within(secs(10)))).coarse(&clock);
    assert_eq!(calls(&circuit, "FFF"), "FFF");
    later(secs(11)).await;
    assert_eq!(calls(&circuit, "F S"), "FS", "the first three have left");
    assert_eq!(calls(&circuit, "F F S"), "FFx");
}

#[tokio::test(start_paused = true)]
async fn slow_calls_are_timed_by_the_coarse_clock() {
    let (clock, _ticker) = running().await;
    let slow = Trip::slow_rate(Ratio::percent(50), secs(1), n(2), within(secs(10))).unwrap();
    let circuit = Circuit::new(plain(slow)).coarse(&clock);
    for _ in 0..2 {
        let permit = circuit.try_enter().unwrap();
        later(secs(1) + ms(20)).await;
        permit.settle(orlop_breaker::core::Verdict::SUCCESS);
    }
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_advances_the_coarse_clock_the_circuit_reads_the_real_one() {
    let (clock, ticker) = running().await;
    let circuit = Circuit::new(consecutive(1)).coarse(&clock);
    assert_eq!(calls(&circuit, "FS"), "Fx");
    ticker.abort();
    let _ = ticker.await;
    pass(secs(5)).await;
    assert_eq!(calls(&circuit, "S"), "S");
}

#[tokio::test(start_paused = true)]
async fn a_coarse_clock_that_stands_still_keeps_no_circuit_open() {
    let (clock, ticker) = CoarseClock::pair(ms(10));
    let mut ticker = tokio_test::task::spawn(ticker);
    assert!(ticker.poll().is_pending(), "it runs, and is never polled again");
    let circuit = Circuit::new(consecutive(1)).coarse(&clock);
    assert_eq!(calls(&circuit, "FS"), "Fx");
    pass(secs(5)).await;
    assert_eq!(calls(&circuit, "S"), "S");
    drop(ticker);
}

use std::time::Duration;

/// Capped exponential back-off with full jitter: a wait drawn evenly from `0..=min(max, base * 2^n)`.
///
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
pub(super) fn wait(
    failures: u32,
    base: Duration,
    max: Duration,
    rng: &mut fastrand::Rng,
) -> Duration {
    let doubled = base.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(max).mul_f64(rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_doubles_and_holds() {
        let (base, max) = (Duration::from_millis(50), Duration::from_secs(2));
        let mut rng = fastrand::Rng::with_seed(7);
        for (failures, cap) in [(1, 50), (2, 100), (3, 200), (6, 1600), (7, 2000), (u32::MAX, 2000)]
        {
            let cap = Duration::from_millis(cap);
            let waits: Vec<_> = (0..1000).map(|_| wait(failures, base, max, &mut rng)).collect();
            assert!(
                waits.iter().all(|wait| *wait <= cap),
                "over {cap:?} after {failures} failures"
            );
            // 1000 even draws: the largest is under 90 % of the cap once in 10^45 seeds.
            assert!(
                waits.iter().max() > Some(&cap.mul_f64(0.9)),
                "the range up to {cap:?} is used"
            );
            assert!(waits.iter().min() < Some(&cap.mul_f64(0.1)), "and so is its lower end");
        }
    }
}

//! The laws of retries, on requests that are plain values.

mod support;

use orlop_retry::{
    AttemptError, Budget, BudgetSettings, Never, Policy, RetryLayer, Settings, Share, TimedOut,
    core::{
        Addr, AnyError, Attempt, AttemptId, BoxError, CallContext, Class, Endpoint, Kind, NotSent,
        Rejected, Verdict, by_result, cause,
    },
};
use orlop_testkit::Probe;
use std::{
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};
use support::{Answer, Call, LENS, Seen, call, lens, server};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, service_fn};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn settings() -> Settings {
    Settings::default().with_backoff(Duration::ZERO, Duration::ZERO)
}

fn attempts(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn policy(settings: Settings) -> Policy {
    Policy::seeded(settings, 1)
}

fn refused(seen: &Seen) -> Rejected {
    Rejected::new(Kind::Circuit).stamped(seen.context.attempt_id())
}

fn failed() -> Answer {
    Answer::fails("no answer")
}

fn named(error: &BoxError) -> &AttemptError {
    error.downcast_ref().expect("the last error says which attempt it was")
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_this_attempt_is_tried_elsewhere_at_once_and_for_free() {
    let (server, log) = server(|seen| {
        seen.pick();
        match seen.number {
            1 => Answer::error(refused(seen).with_retry_after(Duration::from_secs(5))),
            _ => Answer::Ok("done"),
        }
    });
    // Not idempotent, no budget, and less time than the circuit stays open.
    let policy = policy(settings().with_timeout(ms(500))).with_budget(Budget::empty());
    let service = RetryLayer::new(policy.clone(), AnyError).context(LENS).layer(server);
    let started = Instant::now();
    assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "done");
    assert_eq!(started.elapsed(), Duration::ZERO, "another endpoint need not be waited for");
    let snapshot = policy.snapshot();
    assert_eq!((snapshot.calls, snapshot.unsent, snapshot.paid), (1, 1, 0));

    let log = log.lock().unwrap();
    let (first, second) = (log[0].attempt().unwrap(), log[1].attempt().unwrap());
    assert_ne!(first.id(), second.id());
    assert_eq!((first.number(), second.number()), (1, 2));
    assert_eq!(second.picks().unwrap().endpoints().len(), 2, "one record for all attempts");
}

#[tokio::test(start_paused = true)]
async fn a_refused_second_call_inside_a_service_that_acted_is_not_retried() {
    for stamp in [None, Some(AttemptId::next())] {
        let (server, log) =
            server(move |_| Answer::error(Rejected::new(Kind::Circuit).stamped(stamp)));
        let service = RetryLayer::new(policy(settings().with_idempotent(true)), AnyError)
            .context(LENS)
            .layer(server);
        let error = service.oneshot(call(CallContext::new())).await.unwrap_err();
        assert_eq!(Rejected::find(&*error).unwrap().kind(), Kind::Circuit);
        assert_eq!(log.lock().unwrap().len(), 1, "stamp {stamp:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_will_answer_again_is_waited_for_if_that_fits_the_deadline() {
    for (kind, wait, fits) in [
        (Kind::AllRefused, 400, true),
        (Kind::Circuit, 400, true),
        (Kind::AllRefused, 600, false),
        (Kind::AllRefused, 500, false),
    ] {
        let (server, log) = server(move |seen| match seen.number {
            1 => Answer::error(
                Rejected::new(kind).stamped(seen.context.attempt_id()).with_retry_after(ms(wait)),
            ),
            _ => Answer::Ok("done"),
        });
        let service = RetryLayer::new(policy(settings().with_timeout(ms(500))), AnyError)
            .context(LENS)
            .layer(server);
        let started = Instant::now();
        let result = service.oneshot(call(CallContext::new())).await;
        assert_eq!(result.is_ok(), fits, "{kind:?} {wait}");
        assert_eq!(log.lock().unwrap().len(), 1 + usize::from(fits));
        let waited = started.elapsed();
        let expected = if fits { ms(wait)..=ms(wait + 1) } else { Duration::ZERO..=Duration::ZERO };
        assert!(expected.contains(&waited), "{kind:?} {wait}: waited {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_without_advice_are_backed_off_and_end() {
    let (server, log) = server(|seen| Answer::error(refused(seen)));
    let settings = settings().with_backoff(ms(100), ms(1000)).with_max_attempts(attempts(5));
    let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(server);
    let started = Instant::now();
    service.oneshot(call(CallContext::new())).await.unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 5);
    // Four waits, uniform up to 100, 200, 400 and 800 ms; seed 1. That all are short has a chance below 10^-6.
    let waited = started.elapsed();
    assert!(
        waited > ms(20) && waited <= ms(1504),
        "{waited:?}: no hot loop, no wait over its bound"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_repeated_only_if_that_does_no_harm() {
    let context = CallContext::new;
    //        context, setting, expected calls
    let table = [
        (context(), None, 1),
        (context(), Some(false), 1),
        (context(), Some(true), 3),
        (context().idempotent(true), None, 3),
        (context().idempotent(true), Some(false), 3),
        (context().idempotent(false), Some(true), 1),
        (context().idempotent(true).without_retry(), Some(true), 1),
    ];
    for (row, (context, setting, calls)) in table.into_iter().enumerate() {
        let (server, log) = server(|_| failed());
        let mut settings = settings();
        settings.idempotent = setting;
        let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(server);
        let error = service.oneshot(call(context)).await.unwrap_err();
        assert_eq!(log.lock().unwrap().len(), calls, "row {row}");
        assert_eq!(named(&error).attempt() as usize, calls, "row {row}");
        assert_eq!(named(&error).to_string(), format!("attempt {calls} failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_on_the_request_decides_where_nobody_else_does() {
    let (server, log) = server(|_| failed());
    let service = RetryLayer::new(policy(settings()), AnyError)
        .context(LENS)
        .idempotent_if(|call: &Call| call.0 == "read")
        .layer(server);
    service.clone().oneshot(("write", CallContext::new())).await.unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 1);
    service.oneshot(("read", CallContext::new())).await.unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_retries_is_not_retried_even_if_it_was_not_sent() {
    let (server, log) = server(|seen| Answer::error(refused(seen)));
    let service = RetryLayer::new(policy(settings()), AnyError).context(LENS).layer(server);
    service.oneshot(call(CallContext::new().without_retry())).await.unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_total_failure_costs_a_fifth_more() {
    let (server, log) = server(|_| failed());
    let budget = BudgetSettings::default().with_min_per_second(0).with_share(Share::percent(20));
    let policy = policy(settings().with_idempotent(true).with_budget(budget));
    let service = RetryLayer::new(policy.clone(), AnyError).context(LENS).layer(server);
    for _ in 0..1000 {
        service.clone().oneshot(call(CallContext::new())).await.unwrap_err();
    }
    assert_eq!(log.lock().unwrap().len(), 1200, "1.2 attempts a call, to the attempt");
    let snapshot = policy.snapshot();
    assert_eq!((snapshot.calls, snapshot.paid, snapshot.unsent), (1000, 200, 0));
    assert!(snapshot.withheld >= 800, "{snapshot:?}");
}

#[tokio::test(start_paused = true)]
async fn successes_and_neutral_answers_are_the_callers() {
    for verdict in [Verdict::SUCCESS, Verdict::NEUTRAL, Verdict::DROPPED] {
        let (server, log) = server(|_| Answer::Ok("odd"));
        let service = RetryLayer::new(
            policy(settings().with_idempotent(true)),
            by_result(move |_: Result<&&'static str, _>| verdict),
        )
        .context(LENS)
        .layer(server);
        assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "odd");
        assert_eq!(log.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stays_a_failure_is_returned_as_it_is() {
    let (server, log) = server(|_| Answer::Ok("down"));
    let service = RetryLayer::new(
        policy(settings().with_idempotent(true)),
        by_result(|_: Result<&&'static str, _>| Verdict::FAILURE),
    )
    .context(LENS)
    .layer(server);
    assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "down");
    assert_eq!(log.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_advice_is_not_waited_out_elsewhere_but_a_services_is() {
    for (verdict, waited) in [(Verdict::FAILURE, 0), (Verdict::THROTTLED, 2_000)] {
        let (server, log) = server(|seen| {
            seen.pick();
            Answer::Ok("come back later")
        });
        let classify =
            by_result(move |_: Result<&&'static str, _>| verdict.with_retry_after(ms(2_000)));
        let settings = settings()
            .with_idempotent(true)
            .with_max_attempts(attempts(2))
            .with_backoff(Duration::ZERO, Duration::ZERO);
        let service = RetryLayer::new(policy(settings), classify).context(LENS).layer(server);
        let started = Instant::now();
        service.oneshot(call(CallContext::new())).await.unwrap();
        assert_eq!(log.lock().unwrap().len(), 2);
        let elapsed = started.elapsed();
        assert!(elapsed >= ms(waited) && elapsed <= ms(waited + 1), "{verdict:?}: {elapsed:?}");
    }
}

/// The waits before each attempt of a call that no attempt of which is answered. Seed 1.
async fn waits(
    settings: Settings,
    answer: impl Fn(&Seen) -> Answer + Clone + Send + 'static,
    verdict: Verdict,
) -> Vec<Duration> {
    let times = Arc::new(Mutex::new(vec![Instant::now()]));
    let log = Arc::clone(&times);
    let (server, _) = server(move |seen| {
        log.lock().unwrap().push(Instant::now());
        answer(seen)
    });
    let classify = by_result(move |_: Result<&&'static str, _>| verdict);
    let service = RetryLayer::new(policy(settings), classify).context(LENS).layer(server);
    let _ = service.oneshot(call(CallContext::new())).await;
    let times = times.lock().unwrap();
    times.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn only_an_endpoint_that_is_left_saves_the_wait() {
    let backoff = settings().with_backoff(ms(5_000), ms(5_000)).with_max_attempts(attempts(4));
    let no_connection =
        |seen: &Seen| Answer::error(NotSent::new(seen.context.attempt_id(), "gone"));
    for endpoints in 1..=4_u32 {
        let waits = waits(
            backoff,
            move |seen| {
                seen.pick_from(endpoints);
                no_connection(seen)
            },
            Verdict::FAILURE,
        )
        .await;
        // Uniform up to 5 s; seed 1 draws none below 1 ms.
        let at_once: Vec<_> = waits.iter().map(Duration::is_zero).collect();
        let expected: Vec<_> = (1..4).map(|number| number < endpoints).collect();
        assert_eq!(at_once, expected, "{endpoints} endpoints: {waits:?}");
    }
    // The other one is there all the time, but its gate refuses: the tried one is all there is.
    let waits = waits(
        backoff,
        move |seen| {
            seen.record(1, true);
            no_connection(seen)
        },
        Verdict::FAILURE,
    )
    .await;
    let at_once: Vec<_> = waits.iter().map(Duration::is_zero).collect();
    assert_eq!(at_once, [true, false, false], "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn advice_of_the_only_endpoint_left_is_obeyed() {
    let settings = settings().with_idempotent(true);
    for (endpoints, expected) in [(1, [8, 8]), (2, [0, 8]), (3, [0, 0])] {
        let waits = waits(
            settings,
            move |seen| {
                seen.pick_from(endpoints);
                Answer::Ok("come back later")
            },
            Verdict::FAILURE.with_retry_after(ms(8_000)),
        )
        .await;
        let seconds: Vec<_> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, expected, "{endpoints} endpoints: {waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn advice_of_the_other_side_is_the_least_wait_but_not_any_wait() {
    for (advice, calls, waited) in [(2_000, 2, 2_000), (10_001, 1, 0)] {
        let (server, log) = server(|_| Answer::Ok("busy"));
        let classify = by_result(move |_: Result<&&'static str, _>| {
            Verdict::THROTTLED.with_retry_after(ms(advice))
        });
        let settings = settings().with_idempotent(true).with_max_attempts(attempts(2));
        let service = RetryLayer::new(policy(settings), classify).context(LENS).layer(server);
        let started = Instant::now();
        assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "busy");
        assert_eq!(log.lock().unwrap().len(), calls);
        let elapsed = started.elapsed();
        assert!(elapsed >= ms(waited) && elapsed <= ms(waited + 1), "{advice}: {elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_heard_the_same_advice_come_back_apart() {
    let (server, _) = server(|_| Answer::Ok("busy"));
    let classify =
        by_result(|_: Result<&&'static str, _>| Verdict::THROTTLED.with_retry_after(ms(2_000)));
    let settings = settings()
        .with_idempotent(true)
        .with_max_attempts(attempts(2))
        .with_backoff(ms(1_000), ms(1_000));
    let service = RetryLayer::new(policy(settings), classify).context(LENS).layer(server);
    let mut waits = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        service.clone().oneshot(call(CallContext::new())).await.unwrap();
        waits.push(started.elapsed());
    }
    let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*first >= ms(2_000) && *last <= ms(3_001), "{first:?} to {last:?}");
    // Uniform over 1 s: that 50 draws leave half of it empty has a chance below 10^-13.
    assert!(*last - *first > ms(500), "{first:?} to {last:?}");
}

#[tokio::test(start_paused = true)]
async fn advice_that_fits_the_deadline_only_without_its_jitter_is_not_waited_for() {
    // The longest wait is 2.5 s; what would end by the deadline is begun, whatever the draw.
    for (deadline, certain) in [(2_000, Some(false)), (2_250, None), (2_502, Some(true))] {
        let mut again = 0;
        for seed in 0..40 {
            let (server, log) = server(|_| Answer::Ok("busy"));
            let classify = by_result(|_: Result<&&'static str, _>| {
                Verdict::THROTTLED.with_retry_after(ms(2_000))
            });
            let settings = settings()
                .with_idempotent(true)
                .with_max_attempts(attempts(2))
                .with_backoff(ms(500), ms(500))
                .with_timeout(ms(deadline));
            let service = RetryLayer::new(Policy::seeded(settings, seed), classify)
                .context(LENS)
                .layer(server);
            let started = Instant::now();
            service.oneshot(call(CallContext::new())).await.unwrap();
            let calls = log.lock().unwrap().len();
            assert!(
                started.elapsed() < ms(deadline) && (calls == 1) == started.elapsed().is_zero()
            );
            again += calls - 1;
        }
        match certain {
            Some(certain) => assert_eq!(again, if certain { 40 } else { 0 }, "{deadline} ms"),
            None => assert!((5..=35).contains(&again), "{again} of 40, half is the mean"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up_and_tried_elsewhere() {
    let (server, log) =
        server(|seen| if seen.number == 1 { Answer::Hang } else { Answer::Ok("done") });
    let settings = settings().with_idempotent(true).with_attempt_timeout(ms(300));
    let policy = policy(settings.with_timeout(ms(1000)));
    let service = RetryLayer::new(policy.clone(), AnyError).context(LENS).layer(server);
    let started = Instant::now();
    assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "done");
    assert!(started.elapsed() >= ms(300) && started.elapsed() <= ms(301));
    assert_eq!(policy.snapshot().paid, 1, "it may have been seen, so it is paid for");
    let log = log.lock().unwrap();
    assert_eq!(log[0].deadline(), Some(started + ms(300)), "the attempt's own, as it is earlier");
}

#[tokio::test(start_paused = true)]
async fn gates_below_see_an_attempt_that_was_given_up_as_timed_out() {
    let (server, _) = server(|_| Answer::Hang);
    let ends = support::Ends::default();
    let guarded =
        orlop_retry::core::GuardLayer::new(ends.clone(), AnyError).context(lens).layer(server);
    let settings = settings().with_attempt_timeout(ms(300));
    let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(guarded);
    service.clone().oneshot(call(CallContext::new())).await.unwrap_err();
    let mut left = task::spawn(service.oneshot(call(CallContext::new())));
    assert_pending!(left.poll());
    drop(left);
    let ends = ends.list();
    assert_eq!(ends[0], Verdict::TIMED_OUT);
    assert_eq!(ends[1].class(), Class::Neutral, "a caller who leaves early says nothing");
}

/// An attempt at an endpoint, as a balancer holds it.
struct At(&'static str);

impl Drop for At {
    fn drop(&mut self) {
        cause::was_at(&Endpoint::new(self.0, Addr::from(([127, 0, 0, 1], 80))));
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_given_up_says_where_it_was_without_a_record() {
    let server = service_fn(async |_: Call| {
        let _at = At("a");
        std::future::pending::<Result<(), std::io::Error>>().await
    });
    let settings = settings().with_attempt_timeout(ms(300)).with_max_attempts(attempts(1));
    let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(server);
    let error = service.oneshot(call(CallContext::new())).await.unwrap_err();
    assert_eq!(named(&error).endpoint().map(|at| at.id().as_str()), Some("a"));
    assert_eq!(named(&error).to_string(), "attempt 1 failed at a");
}

#[tokio::test(start_paused = true)]
async fn the_last_error_says_how_many_attempts_there_might_have_been_and_who_pays() {
    let broke = Budget::empty();
    for (context, budget, expected) in [
        (CallContext::new().idempotent(true), None, (3, 3, false)),
        (CallContext::new().idempotent(true), Some(broke), (1, 3, true)),
        (CallContext::new().idempotent(false), None, (1, 3, false)),
        (CallContext::new().without_retry(), None, (1, 1, false)),
    ] {
        let (server, _) = server(|_| failed());
        let mut policy = policy(settings());
        if let Some(budget) = budget {
            policy = policy.with_budget(budget);
        }
        let service = RetryLayer::new(policy, AnyError).context(LENS).layer(server);
        let error = service.oneshot(call(context)).await.unwrap_err();
        let error = named(&error);
        assert_eq!((error.attempt(), error.max_attempts(), error.is_withheld()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_deadline_covers_all_attempts() {
    let (server, log) = server(|_| Answer::Hang);
    let settings = settings()
        .with_idempotent(true)
        .with_max_attempts(attempts(10))
        .with_attempt_timeout(ms(300))
        .with_timeout(ms(1000));
    let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(server);
    let started = Instant::now();
    let error = service.oneshot(call(CallContext::new())).await.unwrap_err();
    let elapsed = started.elapsed();
    assert!(elapsed >= ms(1000) && elapsed <= ms(1002), "{elapsed:?}");
    let attempt = named(&error);
    assert_eq!(attempt.attempt(), 4);
    let timed_out = std::error::Error::source(attempt).unwrap().downcast_ref::<TimedOut>().unwrap();
    assert_eq!(timed_out.attempt(), 4);
    assert!(timed_out.after() <= ms(101), "the rest of the second: {:?}", timed_out.after());
    let log = log.lock().unwrap();
    assert_eq!(log.last().unwrap().deadline(), Some(started + ms(1000)));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_call_counts_if_it_is_earlier() {
    let (server, log) = server(|_| Answer::Hang);
    let settings = settings().with_timeout(ms(1000));
    let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(server);
    let started = Instant::now();
    service.clone().oneshot(call(CallContext::new().timeout(ms(50)))).await.unwrap_err();
    assert!(started.elapsed() <= ms(51));
    assert_eq!(log.lock().unwrap().len(), 1);

    // Once it has passed, nothing is tried any more; and nobody need think that something was.
    let outer = Attempt::single();
    let context = CallContext::new().deadline_at(Instant::now()).with_attempt(outer.clone());
    let error = service.oneshot(call(context)).await.unwrap_err();
    assert_eq!(Rejected::find(&*error).unwrap().kind(), Kind::Deadline);
    assert!(Rejected::unsent(&*error, outer.id()));
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_wait_goes_past_the_deadline() {
    let (server, log) = server(|_| {
        // So that the wait is long, whatever the draw.
        Answer::Ok("busy")
    });
    let classify =
        by_result(|_: Result<&&'static str, _>| Verdict::FAILURE.with_retry_after(ms(1000)));
    let settings = settings().with_idempotent(true).with_timeout(ms(1000));
    let service = RetryLayer::new(policy(settings), classify).context(LENS).layer(server);
    let started = Instant::now();
    assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "busy");
    assert_eq!((started.elapsed(), log.lock().unwrap().len()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_the_waits() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let (server, _) = server(|_| failed());
        let settings = settings()
            .with_idempotent(true)
            .with_backoff(ms(1000), ms(60_000))
            .with_max_attempts(attempts(6));
        let service =
            RetryLayer::new(Policy::seeded(settings, seed), AnyError).context(LENS).layer(server);
        let started = Instant::now();
        service.oneshot(call(CallContext::new())).await.unwrap_err();
        runs.push(started.elapsed());
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2], "seeds 1 and 2 differ; five waits in ms do not agree by chance");
}

#[tokio::test(start_paused = true)]
async fn the_last_error_names_attempt_and_endpoint_and_keeps_the_original() {
    let (server, _) = server(|seen| {
        seen.pick();
        failed()
    });
    let service = RetryLayer::new(policy(settings().with_idempotent(true)), AnyError)
        .context(LENS)
        .layer(server);
    let error = service.oneshot(call(CallContext::new())).await.unwrap_err();
    assert_eq!(named(&error).endpoint().unwrap().id().to_string(), "endpoint-3");
    assert_eq!(error.to_string(), "attempt 3 failed at endpoint-3");
    assert_eq!(error.source().unwrap().to_string(), "no answer");
    assert!(error.source().unwrap().is::<std::io::Error>());
}

#[tokio::test(start_paused = true)]
async fn an_outer_attempt_is_unsent_only_if_all_inner_ones_are() {
    for (sent_once, unsent) in [(false, true), (true, false)] {
        let (server, _) = server(move |seen| match seen.number {
            1 if sent_once => failed(),
            _ => Answer::error(refused(seen)),
        });
        let service = RetryLayer::new(policy(settings().with_idempotent(true)), AnyError)
            .context(LENS)
            .layer(server);
        let outer = Attempt::single();
        let context = CallContext::new().with_attempt(outer.clone());
        let error = service.oneshot(call(context)).await.unwrap_err();
        assert_eq!(Rejected::unsent(&*error, outer.id()), unsent, "sent once: {sent_once}");
        assert_eq!(NotSent::is_in(&*error), unsent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_get_ready_was_not_called() {
    let server = support::Unready::default();
    let policy = policy(settings()).with_budget(Budget::empty());
    let service = RetryLayer::new(policy.clone(), AnyError).context(LENS).layer(server.clone());
    assert_eq!(service.oneshot(call(CallContext::new())).await.unwrap(), "third clone is ready");
    assert_eq!(policy.snapshot().unsent, 2, "not idempotent, and free");
}

#[tokio::test(start_paused = true)]
async fn deadlines_cover_readiness() {
    let (probe, handle) = Probe::new();
    handle.block();
    let settings = settings().with_attempt_timeout(ms(100));
    let service = RetryLayer::new(policy(settings), AnyError).layer(probe);
    let started = Instant::now();
    let error = service.oneshot("waits").await.unwrap_err();
    assert!(error.source().unwrap().is::<TimedOut>());
    assert!(started.elapsed() >= ms(300) && started.elapsed() <= ms(306), "three attempts");
    assert_eq!(handle.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_service_is_always_ready_and_uses_what_it_polled() {
    let (probe, handle) = Probe::new();
    handle.block();
    let mut service = RetryLayer::new(policy(settings()), AnyError).layer(probe);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::<&str>::poll_ready(&mut service, &mut cx).is_ready());
    let mut clone = service.clone();
    let mut calls = (task::spawn(service.call("one")), task::spawn(clone.call("two")));
    assert_pending!(calls.0.poll());
    assert_pending!(calls.1.poll());
    handle.unblock();
    assert_eq!(assert_ready_ok!(calls.0.poll()), "one");
    assert_eq!(assert_ready_ok!(calls.1.poll()), "two");
}

/// Polly, `RetryResilienceStrategyTests`: cancel before, during and between.
#[tokio::test(start_paused = true)]
async fn cancelling_stops_at_once_wherever_it_happens() {
    let (probe, handle) = Probe::new();
    let service = RetryLayer::new(policy(settings().with_idempotent(true)), AnyError).layer(probe);
    drop(service.clone().oneshot("before"));
    assert_eq!(handle.calls(), 0);
    handle.hold();
    let mut during = task::spawn(service.oneshot("during"));
    assert_pending!(during.poll());
    drop(during);
    assert_eq!((handle.calls(), handle.dropped(), handle.in_flight()), (1, 1, 0));

    let (server, log) = server(|_| failed());
    let settings = settings().with_idempotent(true).with_backoff(ms(60_000), ms(60_000));
    let service = RetryLayer::new(policy(settings), AnyError).context(LENS).layer(server);
    let mut between = task::spawn(service.oneshot(call(CallContext::new())));
    assert_pending!(between.poll());
    drop(between);
    advance(Duration::from_secs(600)).await;
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_callers_and_harms_no_other_call() {
    let (server, log) = server(|seen| match seen.name {
        "panics" => panic!("in the service"),
        _ => Answer::Ok("done"),
    });
    let service = RetryLayer::new(policy(settings()), AnyError).context(LENS).layer(server);
    let mut panics = task::spawn(service.clone().oneshot(("panics", CallContext::new())));
    catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("the service panics");
    drop(panics);
    assert_eq!(service.oneshot(("works", CallContext::new())).await.unwrap(), "done");
    assert_eq!(log.lock().unwrap().len(), 2, "a panic is not retried");
}

#[tokio::test(start_paused = true)]
async fn requests_that_cannot_be_kept_are_sent_once_with_deadline_and_number() {
    struct NotClone(CallContext);
    fn get(req: &NotClone) -> Option<&CallContext> {
        Some(&req.0)
    }
    fn set(req: &mut NotClone, context: CallContext) {
        req.0 = context;
    }
    let inner = tower::service_fn(async |req: NotClone| {
        assert_eq!(req.0.attempt().map(Attempt::number), Some(1));
        Err::<(), _>(std::io::Error::other(format!("{}", req.0.deadline().is_some())))
    });
    let lens = (
        get as for<'a> fn(&'a NotClone) -> Option<&'a CallContext>,
        set as fn(&mut NotClone, CallContext),
    );
    let settings = settings().with_idempotent(true).with_timeout(ms(100));
    let service =
        RetryLayer::new(policy(settings), AnyError).keep(Never).context(lens).layer(inner);
    let mut sent = task::spawn(service.oneshot(NotClone(CallContext::new())));
    let error = assert_ready_err!(sent.poll());
    assert_eq!(error.source().unwrap().to_string(), "true");
}

#[tokio::test(start_paused = true)]
async fn new_settings_apply_to_the_next_call() {
    let (server, log) = server(|_| failed());
    let policy = policy(settings().with_idempotent(true).with_max_attempts(attempts(1)));
    let service = RetryLayer::new(policy.clone(), AnyError).context(LENS).layer(server);
    service.clone().oneshot(call(CallContext::new())).await.unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 1);
    policy.update(settings().with_idempotent(true).with_max_attempts(attempts(2)));
    service.oneshot(call(CallContext::new())).await.unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 3);
}

#[test]
fn retries_are_shared_as_users_need_it() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send + 'static>(_: &T) {}
    shared(&Policy::default());
    let layer = RetryLayer::new(Policy::default(), AnyError);
    shared(&layer);
    let mut service = layer.layer(Probe::new().0);
    sent(&service);
    sent(&service.call("call"));
}

//! Whether a call may be sent once more, and at whose cost. Knows nothing of time and transport.

use orlop_core::{Class, Origin, Verdict};

/// What to do with the outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is the call's outcome.
    Return,
    /// Try again: nothing was sent, so nothing can be done twice, and the other side has no work from it.
    Free,
    /// Try again if the budget pays for it.
    Paid,
}

/// `unsent`: it is proven that this very attempt was not sent. `idempotent`: repeating the call does no harm.
pub(crate) fn decide(verdict: &Verdict, unsent: bool, idempotent: bool) -> Next {
    // Only proof for this attempt counts. What a verdict says of "sent" may speak of a second call, made by a service
    // that had already acted.
    if unsent {
        return Next::Free;
    }
    // What this process decided, another attempt would decide again; and what was neutral has no failure to make good.
    let failed = matches!(verdict.class(), Class::Failure | Class::Throttled)
        && verdict.origin() == Origin::Remote;
    if failed && idempotent && verdict.may_retry() { Next::Paid } else { Next::Return }
}

#[cfg(test)]
mod tests {
    use super::{Next::*, *};

    #[test]
    fn retries_follow_the_table() {
        let local_failure = Verdict::new(Class::Failure, Origin::Local, orlop_core::Sent::Maybe);
        //               verdict              unsent, not idempotent | unsent, idempotent | sent, not idem. | sent, idem.
        let table = [
            (Verdict::SUCCESS, [Free, Free, Return, Return]),
            (Verdict::FAILURE, [Free, Free, Return, Paid]),
            (Verdict::BROKEN, [Free, Free, Return, Paid]),
            (Verdict::UNCONNECTED, [Free, Free, Return, Paid]),
            (Verdict::THROTTLED, [Free, Free, Return, Paid]),
            (Verdict::THROTTLED.without_retry(), [Free, Free, Return, Return]),
            (Verdict::FAILURE.without_retry(), [Free, Free, Return, Return]),
            (Verdict::TIMED_OUT, [Free, Free, Return, Paid]),
            (Verdict::REFUSED, [Free, Free, Return, Return]),
            (Verdict::NEUTRAL, [Free, Free, Return, Return]),
            (Verdict::DROPPED, [Free, Free, Return, Return]),
            (local_failure, [Free, Free, Return, Return]),
        ];
        for (verdict, expected) in table {
            let cases = [(true, false), (true, true), (false, false), (false, true)];
            let got = cases.map(|(unsent, idempotent)| decide(&verdict, unsent, idempotent));
            assert_eq!(got, expected, "{verdict:?}");
        }
    }
}

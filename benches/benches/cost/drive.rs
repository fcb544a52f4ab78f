//! Drives services and plain closures, without a runtime.

use orlop_benches::Run;
use std::{
    convert::identity,
    future::{Future, Ready, ready},
    hint::{black_box, spin_loop},
    io,
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower_service::Service;

/// A service that is always ready and answers at once, with what only it would say.
#[derive(Clone, Copy, Debug)]
pub struct AddOne;

impl Service<u64> for AddOne {
    type Response = u64;
    type Error = io::Error;
    type Future = Ready<io::Result<u64>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u64) -> Self::Future {
        ready(Ok(n + 1))
    }
}

/// As [`AddOne`], but one call in 64 fails.
#[derive(Clone, Copy, Debug)]
pub struct FailsRarely;

fn fails(n: u64) -> bool {
    n % 64 == 63
}

impl Service<u64> for FailsRarely {
    type Response = u64;
    type Error = io::Error;
    type Future = Ready<io::Result<u64>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u64) -> Self::Future {
        // An error without allocation: what the guard adds is what counts.
        ready(if fails(n) { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(n + 1) })
    }
}

/// Calls a service over [`FailsRarely`].
pub fn calls_of_rare_failure<S>(service: S) -> Run
where
    S: Service<u64, Response = u64> + Send + 'static,
{
    drive(service, identity, |n, result| match result {
        Ok(answer) => !fails(n) && black_box(answer) == n + 1,
        Err(_) => fails(n),
    })
}

/// Calls a service over [`AddOne`].
pub fn calls<S>(service: S) -> Run
where
    S: Service<u64, Response = u64> + Send + 'static,
{
    drive(service, identity, |n, result| result.is_ok_and(|answer| black_box(answer) == n + 1))
}

/// Calls a service with the requests that `request` makes; `ended` says whether a call ended as it should.
pub fn drive<S, Req>(
    service: S,
    request: impl Fn(u64) -> Req + Send + 'static,
    ended: impl Fn(u64, Result<S::Response, S::Error>) -> bool + Send + 'static,
) -> Run
where
    S: Service<Req> + Send + 'static,
{
    let mut service = Apart(service);
    Box::new(move |calls| {
        let service = service.get();
        let mut good = 0;
        for n in 0..calls {
            let n = black_box(n);
            let result = match until_ready(|cx| service.poll_ready(cx)) {
                Ok(()) => {
                    // Pinned where the service has put it, as `await` leaves it.
                    let mut future = pin!(service.call(request(n)));
                    until_ready(|cx| future.as_mut().poll(cx))
                }
                Err(error) => Err(error),
            };
            good += u64::from(ended(n, result));
        }
        good
    })
}

/// Calls a closure that says whether it ended as it should.
pub fn repeat(call: impl Fn(u64) -> bool + Send + 'static) -> Run {
    let mut call = Apart(call);
    Box::new(move |calls| {
        let call = call.get();
        (0..calls).map(|n| u64::from(call(black_box(n)))).sum()
    })
}

/// On cache lines of its own. The handles of two threads are made by one, so a handle would share a line with the other one, or
/// with what the other thread allocates at each call, by chance of the layout.
#[repr(align(128))]
struct Apart<T>(T);

impl<T> Apart<T> {
    /// A method, so that a closure captures the whole, with its alignment.
    fn get(&mut self) -> &mut T {
        &mut self.0
    }
}

/// The output of a future that waits for nothing but, perhaps, another thread that is at work.
pub fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    until_ready(|cx| future.as_mut().poll(cx))
}

// Inlined, as a future is into the one that awaits it.
#[inline(always)]
fn until_ready<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match poll(&mut cx) {
            Poll::Ready(out) => return out,
            Poll::Pending => spin_loop(),
        }
    }
}

//! An endpoint's service and gate, from closures that may fail or panic.

use orlop_core::{BoxError, Endpoint};
use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Why an endpoint has no service. Shared between snapshots.
#[derive(Debug)]
pub(crate) struct ConnectError {
    source: BoxError,
}

/// Makes both. A panic is a failure of this endpoint alone: the task that makes all of them must outlive it.
pub(crate) fn connect<S, G, E>(
    connect: &impl Fn(&Endpoint) -> Result<S, E>,
    gate: &impl Fn(&Endpoint) -> G,
    endpoint: &Endpoint,
) -> Result<(S, G), ConnectError>
where
    E: Into<BoxError>,
{
    let service = caught("connect", || connect(endpoint).map_err(Into::into))?;
    let service = service.map_err(|source| ConnectError { source })?;
    let gate = caught("gate", || gate(endpoint))?;
    Ok((service, gate))
}

fn caught<T>(what: &str, run: impl FnOnce() -> T) -> Result<T, ConnectError> {
    // Unwind safe: nothing of ours is changed in there, and what the closure itself shares, it shares with later calls to
    // it after a panic in any other task too.
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let source = match message(&*panic) {
            Some(message) => format!("{what} panicked: {message}"),
            None => format!("{what} panicked"),
        };
        ConnectError { source: source.into() }
    })
}

fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

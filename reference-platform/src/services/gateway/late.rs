//! Time-outs of our clients, as the gateway's filters know them.

use std::error::Error;
use std::io;

use orlop::retry::TimedOut;

use crate::BoxError;

/// Names a time-out of a client by the error that everybody knows; the filters answer it with 504. Other errors stay as
/// they are.
pub(super) fn named<E: Into<BoxError>>(error: E) -> BoxError {
    let error = error.into();
    if is_late(&*error) { io::Error::new(io::ErrorKind::TimedOut, error).into() } else { error }
}

fn is_late(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimedOut>() || error.source().is_some_and(is_late)
}

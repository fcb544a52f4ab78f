use std::mem;

/// Runs a part of the inner service, and sets the mark if it panics. A part that ends well pays nothing for it.
#[inline(always)]
pub(crate) fn marking<T>(panicked: &mut bool, part: impl FnOnce() -> T) -> T {
    let mark = Mark(panicked);
    let out = part();
    mem::forget(mark);
    out
}

/// Sets the mark if it is dropped, which happens only where the part unwinds.
struct Mark<'a>(&'a mut bool);

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        *self.0 = true;
    }
}

//! How often a call asks the allocator for memory.

use crate::path::Handle;

/// Calls over which allocations are counted. What a queue or table allocates as it grows has happened before.
const CALLS: u64 = 1000;

/// Allocations per call, on this thread. Freeing is not counted.
pub(crate) fn per_call(handle: &mut Handle) -> f64 {
    handle.make(CALLS);
    allocation_counter::measure(|| handle.make(CALLS)).count_total as f64 / CALLS as f64
}

//! A title's bytes: the stream of 64-bit draws that its key begins, each in little-endian order.
//!
//! A block depends on its index alone, so a range costs what is in it and not what is before it: about a nanosecond for
//! 8 bytes.

use super::draws::nth;

const BLOCK: usize = size_of::<u64>();

/// Writes the bytes that begin at `offset`.
pub(super) fn fill(key: u64, offset: u64, out: &mut [u8]) {
    let mut index = offset / BLOCK as u64;
    let within = (offset % BLOCK as u64) as usize;
    let head = if within == 0 { 0 } else { (BLOCK - within).min(out.len()) };
    let (first, rest) = out.split_at_mut(head);
    if !first.is_empty() {
        first.copy_from_slice(&nth(key, index).to_le_bytes()[within..within + head]);
        index += 1;
    }
    let mut blocks = rest.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        block.copy_from_slice(&nth(key, index).to_le_bytes());
        index += 1;
    }
    let last = blocks.into_remainder();
    last.copy_from_slice(&nth(key, index).to_le_bytes()[..last.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_a_slice_of_the_whole() {
        let mut whole = [0; 64];
        fill(7, 0, &mut whole);
        for from in 0..64 {
            for to in from..64 {
                let mut part = vec![0; to - from];
                fill(7, from as u64, &mut part);
                assert_eq!(part, whole[from..to], "{from}..{to}");
            }
        }
    }

    #[test]
    fn bytes_are_the_same_for_ever() {
        // Recorded once: other bytes would make every digest that a member holds wrong.
        let mut bytes = [0; 12];
        fill(1_234_567, 8, &mut bytes);
        let second = 3_203_168_211_198_807_973_u64.to_le_bytes();
        assert_eq!(bytes[..8], second);
    }
}

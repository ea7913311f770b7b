//! Where a NUL stands in bytes, or whether there is one: asked of every text that comes or goes.

/// Index of the first NUL.
pub fn find_nul(bytes: &[u8]) -> Option<usize> {
    // Eight bytes at a time: a query may be long. The lowest bit that is set belongs to the first NUL.
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = word.wrapping_sub(LOW) & !word & HIGH;
        if found != 0 {
            return Some(8 * index + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|&byte| byte == 0)?;
    Some(bytes.len() - rest.len() + found)
}

/// Whether there is a NUL. Names and most statements are short, and this runs for each of them: no call is made for few bytes.
#[inline]
pub fn has_nul(bytes: &[u8]) -> bool {
    if bytes.len() > 512 {
        return memchr::memchr(0, bytes).is_some();
    }
    if bytes.len() > 64
        && let Some(last) = bytes.last_chunk::<16>()
    {
        let (lanes, _) = bytes.as_chunks::<16>();
        zero_in(&lanes.iter().fold(*last, smaller))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<32>(), bytes.last_chunk::<32>())
    {
        zero_in(first) | zero_in(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>())
    {
        zero_in(first) | zero_in(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        zero_in_8(first) | zero_in_8(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        zero_in_4(first) | zero_in_4(last)
    } else {
        bytes.contains(&0)
    }
}

/// Appends bytes while looking at them; whether they were without a NUL.
#[inline(always)]
pub fn extend_without_nul(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    if bytes.len() > 64 {
        out.extend_from_slice(bytes);
        return !has_nul(bytes);
    }
    let found = extend_by(out, bytes, zero_in::<32>)
        .or_else(|| extend_by(out, bytes, zero_in::<16>))
        .or_else(|| extend_by(out, bytes, zero_in_8))
        .or_else(|| extend_by(out, bytes, zero_in_4));
    found.unwrap_or_else(|| {
        out.extend_from_slice(bytes);
        !bytes.contains(&0)
    })
}

/// Appends `N` to `2 * N` bytes as the first `N` and the last.
#[inline(always)]
fn extend_by<const N: usize>(
    out: &mut Vec<u8>,
    bytes: &[u8],
    zero_in: impl Fn(&[u8; N]) -> bool,
) -> Option<bool> {
    let (first, last) = (bytes.first_chunk::<N>()?, bytes.last_chunk::<N>()?);
    let end = out.len() + bytes.len();
    out.extend_from_slice(first);
    out.truncate(end - N);
    out.extend_from_slice(last);
    Some(!(zero_in(first) | zero_in(last)))
}

/// The smaller byte of each two: one instruction on vectors.
#[inline]
fn smaller(mut a: [u8; 16], b: &[u8; 16]) -> [u8; 16] {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = b.min(*a);
    }
    a
}

/// One comparison of vectors for each 16 bytes.
#[inline]
fn zero_in<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes
        .iter()
        .fold(0, |found, &byte| found | u8::from(byte == 0))
        != 0
}

#[inline]
fn zero_in_8(bytes: &[u8; 8]) -> bool {
    let word = u64::from_ne_bytes(*bytes);
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080 != 0
}

#[inline]
fn zero_in_4(bytes: &[u8; 4]) -> bool {
    let word = u32::from_ne_bytes(*bytes);
    word.wrapping_sub(0x0101_0101) & !word & 0x8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for length in (0..140).chain([191, 192, 300, 511, 512, 513, 700]) {
            let clean = vec![0xff; length];
            assert!(!has_nul(&clean), "{length}");
            let mut out = b"before".to_vec();
            assert!(extend_without_nul(&mut out, &clean), "{length}");
            assert_eq!(out, [b"before", clean.as_slice()].concat());
            assert_eq!(find_nul(&clean), None);
            for at in 0..length {
                let mut bytes = clean.clone();
                bytes[at] = 0;
                assert!(has_nul(&bytes), "{at} of {length}");
                assert!(!extend_without_nul(&mut out, &bytes), "{at} of {length}");
                assert_eq!(find_nul(&bytes), Some(at));
                bytes[at..].fill(0);
                assert_eq!(find_nul(&bytes), Some(at));
            }
        }
    }
}

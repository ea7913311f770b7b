//! Memory that bytes are gathered in until a frame is complete.
use std::ops::Deref;

use memmap2::{MmapMut, MmapOptions};

/// Memory for a frame holds at most this many bytes, or twice what has come of it where that is more.
pub const MIN_GATHERED: usize = 8_192;

/// Where more than this has come, in bytes, pages are reserved for the whole frame: the system provides them as they are filled.
pub const MAX_HEAP: usize = 16 * 1024 * 1024;

/// Bytes gathered.
///
/// Many are kept in pages of their own, huge ones where there are: most of what gathering a large frame costs is the system's
/// making ordinary pages.
#[derive(Debug)]
pub struct Gathered(Store);

#[derive(Debug)]
enum Store {
    Heap(Vec<u8>),
    /// The pages, and how many bytes of them are filled.
    Pages(MmapMut, usize),
}

impl Gathered {
    pub const fn new() -> Self {
        Gathered(Store::Heap(Vec::new()))
    }

    /// Adds to what has come of `total` bytes, which is the most that ever comes.
    pub fn extend(&mut self, bytes: &[u8], total: usize) {
        if let Store::Heap(heap) = &mut self.0 {
            let needed = heap.len() + bytes.len();
            if needed <= heap.capacity() {
                heap.extend_from_slice(bytes);
                return;
            }
            match pages(heap, needed, total) {
                Some(pages) => self.0 = Store::Pages(pages, heap.len()),
                None => {
                    let room = total.min((2 * needed).max(MIN_GATHERED));
                    heap.reserve_exact(room - heap.len());
                    heap.extend_from_slice(bytes);
                    return;
                }
            }
        }
        if let Store::Pages(pages, filled) = &mut self.0 {
            pages[*filled..*filled + bytes.len()].copy_from_slice(bytes);
            *filled += bytes.len();
        }
    }

    /// Bytes that memory is held or reserved for.
    pub fn capacity(&self) -> usize {
        match &self.0 {
            Store::Heap(heap) => heap.capacity(),
            Store::Pages(pages, _) => pages.len(),
        }
    }

    /// The memory itself, where it is no pages of its own.
    pub fn into_heap(self) -> Option<Vec<u8>> {
        match self.0 {
            Store::Heap(heap) => Some(heap),
            Store::Pages(..) => None,
        }
    }
}

/// Pages for `total` bytes that begin with what is in `heap`; `None` where that would not be many, or the system refuses.
fn pages(heap: &[u8], needed: usize, total: usize) -> Option<MmapMut> {
    if needed <= MAX_HEAP || total <= 2 * MAX_HEAP {
        return None;
    }
    let mut pages = MmapOptions::new()
        .len(total)
        .no_reserve_swap()
        .map_anon()
        .ok()?;
    #[cfg(target_os = "linux")]
    let _ = pages.advise(memmap2::Advice::HugePage); // without, it is only slower
    pages[..heap.len()].copy_from_slice(heap);
    Some(pages)
}

impl Default for Gathered {
    fn default() -> Self {
        Gathered::new()
    }
}

impl From<Vec<u8>> for Gathered {
    fn from(heap: Vec<u8>) -> Self {
        Gathered(Store::Heap(heap))
    }
}

impl Clone for Gathered {
    fn clone(&self) -> Self {
        Gathered::from(self.to_vec())
    }
}

impl PartialEq for Gathered {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Gathered {}

impl Deref for Gathered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Store::Heap(heap) => heap,
            Store::Pages(pages, filled) => &pages[..*filled],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_are_the_same_in_pages_of_their_own() {
        let piece: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let total = 40 * piece.len() + 7;
        let mut gathered = Gathered::new();
        for came in 1..=40 {
            gathered.extend(&piece, total);
            assert_eq!(gathered.len(), came * piece.len());
            assert!(gathered.capacity() <= 2 * gathered.len() || gathered.capacity() == total);
        }
        gathered.extend(b"the end", total);
        assert!(
            gathered
                .chunks(piece.len())
                .take(40)
                .all(|chunk| chunk == piece)
        );
        assert!(gathered.ends_with(b"the end"));
        assert_eq!(gathered.clone(), gathered);
        assert_eq!(gathered.into_heap(), None);
    }
}

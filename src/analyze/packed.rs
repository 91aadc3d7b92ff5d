//! The size of a db after a defragmentation: leaves packed as bbolt packs them.

/// Bytes of a page's header, and of an element.
const HEADER: u64 = 16;

/// etcd fills the pages of a new db to this part (`defragdb` sets `FillPercent`).
const FILL_PERCENT: u64 = 90;

/// bbolt splits no leaf so that it has fewer elements (`common.MinKeysPerPage`).
const MIN_KEYS: u64 = 2;

/// Bytes of the pages of a tree with records of these sizes, elements included (`node.split`).
pub(super) fn packed(sizes: impl IntoIterator<Item = u32>, page_size: u64) -> u64 {
    let threshold = page_size.saturating_mul(FILL_PERCENT).checked_div(100).unwrap_or_default();
    let (mut pages, mut leaves, mut keys, mut used) = (0_u64, 0_u64, 0_u64, HEADER);
    let pages_of = |used: u64| used.div_ceil(page_size.max(1)).max(1);
    for size in sizes {
        let size = u64::from(size);
        if keys >= MIN_KEYS && used.saturating_add(size) > threshold {
            pages = pages.saturating_add(pages_of(used));
            leaves = leaves.saturating_add(1);
            (keys, used) = (0, HEADER);
        }
        keys = keys.saturating_add(1);
        used = used.saturating_add(size);
    }
    pages = pages.saturating_add(pages_of(used));
    leaves = leaves.saturating_add(1);
    // an element of a branch has a revision as its key
    let fan_out = threshold.saturating_sub(HEADER).checked_div(33).unwrap_or_default().max(2);
    while leaves > 1 {
        leaves = leaves.div_ceil(fan_out);
        pages = pages.saturating_add(leaves);
    }
    pages.saturating_mul(page_size)
}

#[cfg(test)]
mod tests {
    use super::packed;

    #[test]
    fn leaves_hold_at_least_two_records() {
        assert_eq!(packed([], 4096), 4096);
        assert_eq!(packed([100; 36], 4096), 4096);
        // 36 in a leaf: 16 + 36 * 100 <= 3686
        assert_eq!(packed([100; 37], 4096), 3 * 4096);
        // two of them in five pages, and a branch
        assert_eq!(packed([9000; 4], 4096), 11 * 4096);
        assert_eq!(packed([1, u32::MAX], 0), 0);
    }
}

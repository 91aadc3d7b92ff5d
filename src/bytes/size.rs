//! Sizes as etcdutl prints them.

/// `humanize.Bytes` of Go's `dustin/go-humanize`: decimal units, two digits.
#[must_use]
pub fn size(n: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if n < 10 {
        return format!("{n} B");
    }
    let mut exponent = 0_usize;
    let mut scale = 1_u64;
    while n / scale >= 1000 && exponent + 1 < UNITS.len() {
        scale *= 1000;
        exponent += 1;
    }
    let tenths = (n as f64 / scale as f64).mul_add(10.0, 0.5).floor() / 10.0;
    let unit = UNITS.get(exponent).copied().unwrap_or_default();
    if tenths < 10.0 { format!("{tenths:.1} {unit}") } else { format!("{tenths:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn as_humanize_writes_them() {
        for (n, want) in [
            (0, "0 B"),
            (9, "9 B"),
            (10, "10 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (24_576, "25 kB"),
            (454_656, "455 kB"),
            (679_936, "680 kB"),
            (1_950_000, "2.0 MB"),
            (9_950_000, "10 MB"),
            (2_000_000_000, "2.0 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(n), want, "{n}");
        }
    }
}

//! Amounts such as `100m` and `2Gi`, as far as sorting and sums need them (`apimachinery/pkg/api/resource`).

use std::cmp::Ordering;

/// An amount: `0.DIGITS` times ten to the `point`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantity {
    negative: bool,
    /// Digits from 0 to 9, without zeros at either end; empty for zero.
    digits: Vec<u8>,
    point: i64,
}

impl Quantity {
    /// `resource.ParseQuantity`
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let not_digit = |c: char| !c.is_ascii_digit();
        let (whole, rest) = unsigned.split_at_checked(unsigned.find(not_digit).unwrap_or(unsigned.len()))?;
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at_checked(rest.find(not_digit).unwrap_or(rest.len()))?,
            None => ("", rest),
        };
        if text.is_empty() {
            return None;
        }
        let (binary, exponent) = scale(suffix)?;
        // Go's parser for small numbers accepts a bare suffix as zero, the one for large numbers does not
        let bare = whole.is_empty() && fraction.is_empty() && !suffix.is_empty();
        if bare && (binary && exponent > 40 || !binary && exponent < -9) {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit.wrapping_sub(b'0')).collect();
        let mut point = i64::try_from(whole.len()).ok()?;
        if binary {
            for _ in 0..exponent / 10 {
                point = point.saturating_add(times_1024(&mut digits));
            }
        } else {
            point = point.saturating_add(exponent);
        }
        let mut quantity = Self { negative, digits, point };
        quantity.normalize();
        quantity.round_up();
        let most =
            Self { negative, digits: b"9223372036854775807".map(|digit| digit.wrapping_sub(b'0')).to_vec(), point: 19 };
        Some(if binary && quantity.magnitude(&most) == Ordering::Greater { most } else { quantity })
    }

    /// The amount in billionths, the finest unit; for one that is too large, the nearest number that fits.
    pub(crate) fn nanos(&self) -> i128 {
        let most = if self.negative { i128::MIN } else { i128::MAX };
        let number = self
            .digits
            .iter()
            .try_fold(0_i128, |number, digit| number.checked_mul(10)?.checked_add(i128::from(*digit)));
        let digits = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let zeros = u32::try_from(self.point.saturating_sub(digits).saturating_add(9)).unwrap_or_default();
        let nanos = number.and_then(|number| number.checked_mul(10_i128.checked_pow(zeros)?));
        nanos.map_or(most, |nanos| if self.negative { nanos.saturating_neg() } else { nanos })
    }

    /// `Quantity.Cmp`
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let sign = |q: &Self| {
            if q.digits.is_empty() {
                0
            } else if q.negative {
                -1
            } else {
                1
            }
        };
        sign(self).cmp(&sign(other)).then_with(|| match self.negative {
            true => other.magnitude(self),
            false => self.magnitude(other),
        })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits))
    }

    fn normalize(&mut self) {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.point = self.point.saturating_sub(i64::try_from(zeros).unwrap_or(i64::MAX));
        let used = self.digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last.saturating_add(1));
        self.digits.truncate(used);
        if self.digits.is_empty() {
            self.point = 0;
        }
    }

    /// Rounds up to a billionth, so that no amount but zero becomes zero.
    fn round_up(&mut self) {
        let kept = self.point.saturating_add(9);
        if self.digits.is_empty() || i64::try_from(self.digits.len()).is_ok_and(|len| len <= kept) {
            return;
        }
        self.digits.truncate(usize::try_from(kept).unwrap_or(0));
        self.point = self.point.max(-9);
        for digit in self.digits.iter_mut().rev() {
            *digit = digit.saturating_add(1) % 10;
            if *digit != 0 {
                self.normalize();
                return;
            }
        }
        self.digits = vec![1];
        self.point = self.point.saturating_add(1);
    }
}

/// Whether the suffix is a power of two, and its exponent (`suffixHandler.interpret`).
fn scale(suffix: &str) -> Option<(bool, i64)> {
    Some(match suffix {
        "n" => (false, -9),
        "u" => (false, -6),
        "m" => (false, -3),
        "" => (false, 0),
        "k" => (false, 3),
        "M" => (false, 6),
        "G" => (false, 9),
        "T" => (false, 12),
        "P" => (false, 15),
        "E" => (false, 18),
        "Ki" => (true, 10),
        "Mi" => (true, 20),
        "Gi" => (true, 30),
        "Ti" => (true, 40),
        "Pi" => (true, 50),
        "Ei" => (true, 60),
        _ => (false, suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?.into()),
    })
}

/// Multiplies the digits by 1024; returns the number of added places.
fn times_1024(digits: &mut Vec<u8>) -> i64 {
    let mut carry = 0_u32;
    for digit in digits.iter_mut().rev() {
        carry = u32::from(*digit).saturating_mul(1024).saturating_add(carry);
        *digit = (carry % 10) as u8;
        carry /= 10;
    }
    let mut grew = 0_i64;
    while carry > 0 {
        digits.insert(0, (carry % 10) as u8);
        carry /= 10;
        grew = grew.saturating_add(1);
    }
    grew
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_an_order() {
        let rising = [
            "-1e30", "-2Gi", "-100m", "0", "1n", "2n", "100m", "0.5", "1", "1001m", "2", "10", "1k", "1Ki", "1025",
            "1M", "1Mi", "128Mi", "64Gi", "64.5Gi", "8Ti", "55Pi", "1E", "10Ei", "1e19", "1e30",
        ];
        let parsed = rising.map(|text| Quantity::parse(text).unwrap());
        assert!(parsed.is_sorted_by(|a, b| a.compare(b) == Ordering::Less), "{parsed:?}");
        for (a, b) in [
            ("1", "1000m"),
            ("0.1n", "1n"),
            ("1.0000000009", "1.000000001"),
            ("0.9999999999", "1"),
            ("1024Mi", "1Gi"),
            ("10Ei", "8Ei"),
            ("-0", "0"),
            ("1e3", "1E3"),
            ("00.50", "500m"),
            ("1.", "1"),
            ("M", "0"),
            ("-", "+"),
        ] {
            assert_eq!(Quantity::parse(a).unwrap().compare(&Quantity::parse(b).unwrap()), Ordering::Equal, "{a} {b}");
        }
        for (text, nanos) in [("0", 0), ("-1", -1_000_000_000), ("250m", 250_000_000), ("1n", 1), ("1e60", i128::MAX)] {
            assert_eq!(Quantity::parse(text).unwrap().nanos(), nanos, "{text}");
        }
        for text in ["", "a", "1x", "1 ", "1.2.3", "--1", "1KiB", "1e", "web-0", "Pi", "e-30", "10.0.0.1"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}

//! [`Reach`]: the calls that a result is for, and how long it is for late ones.
//!
//! A slot keeps the lifetime of its result beside other numbers of 32 bits, so [`Life`] has as many.

use std::time::Duration;

use crate::wait::clock::{FOREVER, Nanos, nanos};

/// A leader's [`ShareWith`](crate::ShareWith), in the form that the engine decides with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) audience: Audience,
    /// How long late calls get the result, within its window.
    pub(crate) life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Everyone,
    Followers,
    Nobody,
}

/// A lifetime from the start of a computation: as long as the window, or a time.
///
/// A time is `significand * 10^exponent` nanoseconds, with 28 and 4 bits. So a time of eight decimal digits
/// is exact, and any other is rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life(u32);

const EXPONENT_BITS: u32 = 4;
const LARGEST_SIGNIFICAND: Nanos = (1 << (u32::BITS - EXPONENT_BITS)) - 1;

impl Reach {
    /// A result without a rule is for everyone, as long as its window.
    pub(crate) const EVERYONE: Self = Self::of_all(Audience::Everyone);

    pub(crate) const fn of_all(audience: Audience) -> Self {
        Self { audience, life: Life::WHOLE }
    }

    /// A result for late calls of this time. With none it is for followers.
    pub(crate) fn for_time(time: Duration) -> Self {
        match time {
            Duration::ZERO => Self::of_all(Audience::Followers),
            time => Self { audience: Audience::Everyone, life: Life::of(time) },
        }
    }
}

impl Life {
    pub(crate) const WHOLE: Self = Self(0);

    /// A lifetime of this time, which is not zero.
    fn of(time: Duration) -> Self {
        let time = nanos(time);
        if time == FOREVER {
            return Self::WHOLE;
        }
        let (mut significand, mut exponent) = (time, 0);
        while significand > LARGEST_SIGNIFICAND {
            significand /= 10;
            exponent += 1;
        }
        let significand = u32::try_from(significand).expect("it has 28 bits");
        Self(significand << EXPONENT_BITS | exponent)
    }

    #[inline(always)]
    pub(crate) fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// The time of a lifetime that is not as long as the window.
    #[cold]
    pub(crate) fn time(self) -> Nanos {
        let exponent = self.0 & ((1 << EXPONENT_BITS) - 1);
        Nanos::from(self.0 >> EXPONENT_BITS) * Nanos::pow(10, exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(time: Duration) -> Duration {
        match Reach::for_time(time).life {
            Life::WHOLE => Duration::MAX,
            life => Duration::from_nanos(life.time()),
        }
    }

    /// S74
    #[test]
    fn a_lifetime_of_eight_digits_is_exact() {
        for nanos in [1, 2, 999, 1_000, 33_333_333, 268_435_455, 99_999_999_000] {
            assert_eq!(rounded(Duration::from_nanos(nanos)).as_nanos(), u128::from(nanos));
        }
        for seconds in [1, 2, 59, 61, 299, 300, 3_599, 86_400, 31_536_000, 99_999_999] {
            let time = Duration::from_secs(seconds);
            assert_eq!((rounded(time), rounded(time / 1_000)), (time, time / 1_000));
        }
        assert_eq!(rounded(Duration::MAX), Duration::MAX);
    }

    proptest::proptest! {
        /// S74
        #[test]
        fn a_lifetime_is_never_longer_and_hardly_shorter(nanos in 1..u64::MAX, shift in 0..64_u32) {
            let time = Duration::from_nanos((nanos >> shift).max(1));
            let rounded = rounded(time);
            proptest::prop_assert!(rounded <= time && time - rounded <= time / 20_000_000);
        }
    }

    #[test]
    fn no_time_at_all_is_for_followers() {
        assert_eq!(Reach::for_time(Duration::ZERO).audience, Audience::Followers);
    }
}
